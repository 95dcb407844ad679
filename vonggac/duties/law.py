"""The duties that ship with us (`data/duties.toml`): every version of each. A file with a fault is refused whole."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from vonggac.domain.agency import Level
from vonggac.domain.duty import MARKED, PERIODIC, Certainty, Duty, Round, Trigger, parse_duration
from vonggac.domain.incident import Role
from vonggac.errors import InvalidRecord, NotFound, UnknownInput

#: The forms that `vonggac.forms` fills in.
FORMS = ("tt20-2017-3", "tt20-2017-4", "tt20-2017-5", "tt31-2017-2", "nd13-2023-3", "nd356-2025-8")


@cache
def all_duties() -> tuple[Duty, ...]:
    """Every version of every duty, by id and first day."""
    return read_duties(Path(__file__).parent.parent / "data" / "duties.toml")


def read_duties(path: Path) -> tuple[Duty, ...]:
    """The duties of a file. Raises UnknownInput where it is no TOML, InvalidRecord that names the version at fault."""
    try:
        tables = tomllib.loads(path.read_text("utf-8"))["duty"]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError) as error:
        raise UnknownInput("duties_unreadable", location=path, reason=error) from error
    duties = [_checked(path, number, table) for number, table in enumerate(tables, 1)]
    duties.sort(key=lambda duty: (duty.id, duty.valid_from))
    for identity, versions in groupby(duties, key=lambda duty: duty.id):
        for older, newer in pairwise(versions):
            if older.valid_to is None or newer.valid_from < older.valid_to:
                raise InvalidRecord("duties_overlap", location=path, line=0, id=identity, day=newer.valid_from)
    return tuple(duties)


def versions_of(identity: str) -> tuple[Duty, ...]:
    """Every version of a duty, oldest first. Raises NotFound that lists the ids there are."""
    found = tuple(duty for duty in all_duties() if duty.id == identity)
    if not found:
        known = ", ".join(dict.fromkeys(duty.id for duty in all_duties()))
        raise NotFound("unknown_duty", id=identity, known=known)
    return found


def longest_limit(duties: Sequence[Duty]) -> int:
    """Whole days after which what an incident began is due at the latest."""
    return max((duty.deadline.delta.days for duty in duties if duty.deadline), default=0) + 2


def _checked(path: Path, number: int, table: Mapping[str, Any]) -> Duty:
    try:
        duty = _duty(table)
        _consistent(duty)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise InvalidRecord(
            "duty_wrong", location=path, line=0, number=number, id=table.get("id", "?"), reason=reason
        ) from error
    return duty


def _duty(table: Mapping[str, Any]) -> Duty:
    deadline = table.get("deadline")
    return Duty(
        id=table["id"],
        title=_both(table["title"]),
        trigger=Trigger(table["trigger"]),
        roles=frozenset(map(Role, table["owes"].get("roles", ()))),
        levels=frozenset(map(Level, table["owes"].get("levels", ()))),
        addressee=_both(table["addressee"]),
        deadline=parse_duration(deadline) if deadline else None,
        rounds=tuple(map(_round, table.get("rounds", ()))),
        warn_before=tuple(map(parse_duration, table["warn_before"])),
        form=table["form"],
        basis=table["basis"],
        valid_from=_day(table["valid_from"]),
        valid_to=_day(table["valid_to"]) if "valid_to" in table else None,
        certainty=Certainty(table["certainty"]),
        note=table.get("note", ""),
    )


def _both(texts: Mapping[str, str]) -> dict[str, str]:
    return {lang: texts[lang] for lang in ("vi", "en")}


def _round(table: Mapping[str, Any]) -> Round:
    start, end = (_place(table[name]) for name in ("from", "before"))
    found = Round(table["name"], start, end)
    if start >= end:
        raise ValueError(f"the round {table['name']!r} ends before it begins")
    return found


def _place(numbers: Sequence[int]) -> tuple[int, int, int]:
    """Years after, month and day; 29 February is in no year that has none."""
    after, month, day = numbers
    date(2001, month, day)
    return after, month, day


def _day(value: object) -> date:
    if not isinstance(value, date):
        raise TypeError(f"not a date: {value!r}")
    return value


def _consistent(duty: Duty) -> None:
    periodic = duty.trigger in PERIODIC
    if periodic != bool(duty.rounds) or periodic != bool(duty.levels) or periodic == bool(duty.roles):
        raise ValueError("a duty of the calendar has rounds and levels, one of an incident has roles")
    if periodic and duty.deadline:
        raise ValueError("a round is due when it ends, so it has no deadline")
    if duty.trigger in MARKED and not duty.deadline:
        raise ValueError("a duty that is opened by hand has a deadline")
    if duty.valid_to is not None and duty.valid_to <= duty.valid_from:
        raise ValueError("valid_to is not after valid_from")
    if duty.form and duty.form not in FORMS:
        raise ValueError(f"unknown form {duty.form!r}")
