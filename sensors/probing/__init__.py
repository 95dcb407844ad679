"""Probes: whether an information system answers to those who ask for it, as an event for each answer.

`ask` asks one name and has an `answer`, `event` makes an ECS event of it, `prober` asks many names at a time.
"""
