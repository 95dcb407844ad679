"""Forms that pages post: read whole and bounded, before anybody asks who sent them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, TypeVar
from urllib.parse import parse_qs

from fastapi import Depends, Request

from api.problems import HttpRefused
from api.security import FORM_FIELD
from vonggac.errors import UsageRefused

FORM_MEDIA = "application/x-www-form-urlencoded"
#: A note of 20,000 characters, percent-encoded, three bytes each, and some room.
MAX_FORM = 512 * 1024
MAX_FIELDS = 1_000

Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Form:
    """What a page posted; every value is text."""

    values: Mapping[str, list[str]] = field(default_factory=dict)

    def one(self, name: str) -> str:
        """The first value of that name, stripped; empty where there is none."""
        return next(iter(self.values.get(name, [])), "").strip()

    def many(self, name: str) -> list[str]:
        return list(self.values.get(name, []))

    def choice(self, name: str, kind: type[Choice]) -> Choice:
        """Raises UsageRefused that lists what may be chosen."""
        try:
            return kind(self.one(name))
        except ValueError as error:
            known = ", ".join(kind)
            raise UsageRefused("bad_choice", value=self.one(name), what=name, known=known) from error


async def read_form(request: Request) -> Form:
    """The posted form; its token stands where `check_same_site` looks. Raises HttpRefused 413, 415 or 422."""
    if request.method != "POST":
        return Form()
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM:
            raise HttpRefused(413, "too_large", most=MAX_FORM)
    if body and media != FORM_MEDIA:
        raise HttpRefused(415, "form_media", media=FORM_MEDIA)
    try:
        values = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError as error:
        raise HttpRefused(422, "request_invalid", places=str(error)) from error
    form = Form(values)
    request.state.form = form
    request.state.form_token = form.one(FORM_FIELD)
    return form


FormOf = Annotated[Form, Depends(read_form)]


def posted(request: Request) -> Form:
    """The form this request brought, for an error page that gives a text back to its author."""
    found = getattr(request.state, "form", None)
    return found if isinstance(found, Form) else Form()


def own_path(target: str, fallback: str = "/") -> str:
    """The target when it is a path on this host, else the fallback: a login must not send people elsewhere."""
    safe = (
        target.startswith("/")
        and not target.startswith("//")
        and "\\" not in target
        and all(" " < char != "\x7f" for char in target)
    )
    return target if safe else fallback
