"""XML that we have just made, as a tree."""

from __future__ import annotations

from xml.etree import ElementTree


def tree(xml: str | bytes) -> ElementTree.Element:
    return ElementTree.fromstring(xml)  # noqa: S314 (our own)
