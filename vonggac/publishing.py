"""Published tables: frozen with everything that made them, given out again byte for byte, and laid beside what the
records say now."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from vonggac import __version__
from vonggac.comparison import answer_data, canonical
from vonggac.definitions import definitions, definitions_data
from vonggac.domain.agency import Directory
from vonggac.domain.fold import fold
from vonggac.domain.states import State, state_of
from vonggac.domain.times import Period, format_instant, parse_instant
from vonggac.errors import NotFound
from vonggac.messages import LANGUAGES
from vonggac.ports import StateQuery, Store
from vonggac.statistics import AS_THEN, Question, answer, ask
from vonggac.units import agency_data

PUBLICATION = "publication"  # kinds of records
DIRECTORY = "published-directory"
#: The most changes that one revision names; all are counted.
MAX_CHANGES = 1_000


@dataclass(frozen=True, slots=True)
class Publisher:
    """Publishes from one store; `key` signs what is published."""

    store: Store
    key: Ed25519PrivateKey

    def publish(self, directory: Directory, question: Question, *, now: datetime, by: str) -> dict[str, Any]:
        """The table as it stands, frozen under a new id: as known now unless the question says another instant."""
        frozen = question if question.known_at is not None else replace(question, known_at=now)
        found = answer(self.store, directory, frozen, now=now)
        bodies = {lang: answer_data(found, lang) for lang in LANGUAGES}
        units = [agency_data(unit) for unit in directory.agencies]
        terms = definitions_data(found.definitions)
        table: dict[str, Any] = {
            "published_at": format_instant(now),
            "published_by": by,
            "question": question_data(frozen),
            "code": __version__,
            "definitions": {"id": found.definitions.id, "digest": _digest(terms), "terms": terms},
            "directory": _digest(units),
            "table": bodies,
            "digest": bodies["vi"]["digest"],
        }
        identity = f"TK-{now:%Y%m%d}-{_digest(table)[:10]}"
        signed = canonical({"id": identity, **table})
        signature = {"key": _public(self.key.public_key()), "signature": b64encode(self.key.sign(signed)).decode()}
        records = self.store.records
        records.put(DIRECTORY, table["directory"], {"units": units})
        records.put(PUBLICATION, identity, {"id": identity, **table, "signed": signature}, expected_version=0)
        return published(self.store, identity)


def published(store: Store, identity: str) -> dict[str, Any]:
    """What was published under the id, with `intact`: whether it still is what was signed. Raises NotFound."""
    record = store.records.get(PUBLICATION, identity)
    if record is None:
        raise NotFound("unknown_publication", id=identity)
    return {**record.body, "intact": is_intact(record.body)}


def publications(store: Store) -> list[dict[str, Any]]:
    """What was published, oldest first, without the tables."""
    bodies = (record.body for record in store.records.list(PUBLICATION))
    return [
        {
            "id": body["id"],
            "published_at": body["published_at"],
            "published_by": body["published_by"],
            **body["question"],
            "current": body["table"]["vi"]["total"]["current"],
            "previous": body["table"]["vi"]["total"]["previous"],
            "digest": body["digest"],
        }
        for body in sorted(bodies, key=lambda body: (body["published_at"], body["id"]))
    ]


def question_data(question: Question) -> dict[str, Any]:
    """The question as the texts that ask it."""
    return {
        "period": question.period.text,
        "against": question.against.text,
        "by": str(question.by),
        "known_at": format_instant(question.known_at) if question.known_at else None,
        "definitions": question.definitions,
        "units": question.units.isoformat() if question.units else AS_THEN,
    }


def is_intact(body: Mapping[str, Any]) -> bool:
    """Whether the publication is what its signature was made over."""
    signed = {name: value for name, value in body.items() if name not in ("signed", "intact")}
    key = Ed25519PublicKey.from_public_bytes(b64decode(body["signed"]["key"]))
    try:
        key.verify(b64decode(body["signed"]["signature"]), canonical(signed))
    except InvalidSignature:
        return False
    return True


def signing_key(path: Path) -> Ed25519PrivateKey:
    """The node's key for publications, made where there is none; nobody else on the machine may read it."""
    if path.exists():
        return Ed25519PrivateKey.from_private_bytes(path.read_bytes())
    key = Ed25519PrivateKey.generate()
    raw = key.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(raw)
    return key


def _public(key: Ed25519PublicKey) -> str:
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return b64encode(raw).decode()


def _digest(data: Any) -> str:
    return sha256(canonical(data)).hexdigest()


# --- what has changed since --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """One incident that counts otherwise than it did: why, since when, and as what before and now."""

    incident: str
    number: str
    why: str
    learned_at: datetime
    before: State | None
    now: State | None


def revision(store: Store, directory: Directory, identity: str, *, now: datetime, lang: str) -> dict[str, Any]:
    """The published table beside what the records say of the same question now, and what made the difference.

    `loaded_later` is what an answer for the same instant would say today beyond what was published: cases that were
    loaded since then and bear an earlier date of recording.
    """
    body = published(store, identity)
    before, question = body["table"][lang], asked_again(body["question"])
    known_at = parse_instant(body["question"]["known_at"])
    after = answer_data(answer(store, directory, replace(question, known_at=None), now=now), lang)
    again = answer_data(answer(store, directory, question, now=now), lang)
    changes = [change for period in _periods(question) for change in changes_since(store, question, period, known_at)]
    return {
        "id": identity,
        "published_at": body["published_at"],
        "known_at": body["question"]["known_at"],
        "now": format_instant(now),
        "intact": body["intact"],
        "total": _beside(before["total"], after["total"]),
        "rows": _rows_beside(before["rows"], after["rows"]),
        "loaded_later": {name: again["total"][name] - before["total"][name] for name in ("current", "previous")},
        "changes": {
            "counts": dict(sorted(Counter(change.why for change in changes).items())),
            "listed": [_change_data(change) for change in changes[:MAX_CHANGES]],
            "more": max(0, len(changes) - MAX_CHANGES),
        },
    }


def asked_again(question: Mapping[str, Any]) -> Question:
    """The question of `question_data`."""
    return ask(**question)


def _periods(question: Question) -> tuple[Period, Period]:
    return question.period, question.against


def _beside(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {
            "published": before.get(name, 0),
            "now": after.get(name, 0),
            "difference": after.get(name, 0) - before.get(name, 0),
        }
        for name in ("current", "previous")
    }


def _rows_beside(before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    then, now = ({row["key"]: row for row in rows} for rows in (before, after))
    return [
        {"key": key, "label": (then.get(key) or now[key])["label"], **_beside(then.get(key, {}), now.get(key, {}))}
        for key in dict.fromkeys((*then, *now))
    ]


def changes_since(store: Store, question: Question, period: Period, known_at: datetime) -> list[Change]:
    """The incidents of a period that count otherwise now than they did at an instant."""
    terms = definitions(question.definitions)

    def counting(state: State | None) -> State | None:
        """The state if it counts in the period."""
        if state is None or not period.holds(state.occurred_at) or not state.facts.counted:
            return None
        return state if terms.row_of(state.facts.category) is not None else None

    found = []
    for identity in store.incidents.changed(StateQuery(period.start, period.end), known_at):
        history = store.incidents.history(identity)
        now, then = fold(identity, history), fold(identity, history, known_at=known_at)
        if now is None:
            continue
        before = None if then is None else counting(state_of(then, known_at))
        after = counting(state_of(now, now.changed_at))
        why = _why(before, after, unknown=then is None)
        if why:
            found.append(Change(identity, now.number, why, now.changed_at, before, after))
    return found


def _why(before: State | None, after: State | None, *, unknown: bool) -> str:
    """Why an incident counts otherwise; empty where it counts the same."""
    if before is None and after is None:
        return ""
    if before is None:
        return "learned-later" if unknown else "counts-since"
    if after is None:
        return "no-longer-counts"
    for name, then, now in (
        ("category", before.facts.category, after.facts.category),
        ("severity", before.facts.severity, after.facts.severity),
        ("cause", before.facts.cause, after.facts.cause),
        ("agencies", before.parties, after.parties),
    ):
        if then != now:
            return f"other-{name}"
    return ""


def _change_data(change: Change) -> dict[str, Any]:
    return {
        "incident": change.incident,
        "number": change.number,
        "why": change.why,
        "learned_at": format_instant(change.learned_at),
        "before": _state_data(change.before),
        "now": _state_data(change.now),
    }


def _state_data(state: State | None) -> dict[str, Any] | None:
    if state is None:
        return None
    return {
        "occurred_at": format_instant(state.occurred_at),
        "category": state.facts.category,
        "severity": state.facts.severity,
        "cause": state.facts.cause,
        "involvements": [{"agency": each.agency, "role": str(each.role)} for each in state.parties],
    }
