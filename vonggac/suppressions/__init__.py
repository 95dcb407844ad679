"""Suppressions in the store: made, extended and ended by people, asked by the pipeline, looked at by everybody."""
