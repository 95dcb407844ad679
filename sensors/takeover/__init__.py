"""Talks that go on outside the compiled loops: each is built from what the loops kept of its flow."""
