"""Pages without server-side state: a cursor is the place of the last item in an order that never ties."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import TypeVar

import orjson

from vonggac.errors import UsageRefused
from vonggac.ports import Page

T = TypeVar("T")

#: Where an item stands: its time in microseconds since 1970, then its id.
Place = tuple[int, str]

#: No page is longer, whatever was asked; the rest follows by the cursor.
PAGE_MAX = 5_000


def encode_cursor(place: Place) -> str:
    return urlsafe_b64encode(orjson.dumps(place)).rstrip(b"=").decode()


def decode_cursor(text: str | None) -> Place | None:
    """The place a cursor stands for. Raises UsageRefused for a text that `encode_cursor` did not make."""
    if text is None:
        return None
    try:
        time, identity = orjson.loads(urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)))
    except ValueError as error:  # also binascii.Error and orjson.JSONDecodeError
        raise UsageRefused("bad_cursor", cursor=text[:80]) from error
    if type(time) is not int or type(identity) is not str:
        raise UsageRefused("bad_cursor", cursor=text[:80])
    return time, identity


def page_size(limit: int) -> int:
    """The limit in force. Raises UsageRefused for less than one."""
    if limit < 1:
        raise UsageRefused("bad_limit", limit=limit)
    return min(limit, PAGE_MAX)


def page_of(found: Sequence[T], size: int, place: Callable[[T], Place]) -> Page[T]:
    """The first `size` of what was found; a cursor only when there is more."""
    items = tuple(found[:size])
    return Page(items, encode_cursor(place(items[-1])) if len(found) > size else None)
