"""Vọng Gác: what every room shares, and what wires the rooms together."""

__version__ = "0.1.0"
