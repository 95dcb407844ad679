"""Published tables: frozen with everything that made them, and given out again byte for byte."""

from __future__ import annotations

import os
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Mapping
from contextlib import suppress
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
from vonggac.definitions import definitions_data
from vonggac.domain.agency import Directory
from vonggac.domain.times import format_instant
from vonggac.errors import Conflict, NotFound, UsageRefused
from vonggac.messages import LANGUAGES
from vonggac.ports import Store
from vonggac.statistics import AS_THEN, Question, answer
from vonggac.units import agency_data

PUBLICATION = "publication"  # kinds of records
DIRECTORY = "published-directory"


@dataclass(frozen=True, slots=True)
class Publisher:
    """Publishes from one store; `key` signs what is published."""

    store: Store
    key: Ed25519PrivateKey

    def publish(self, directory: Directory, question: Question, *, now: datetime, by: str) -> dict[str, Any]:
        """The table as it stands, frozen under a new id: as known now unless the question says an earlier instant."""
        found = answer(self.store, directory, replace(question, known_at=question.known_at or now), now=now)
        frozen = found.question
        bodies = {lang: answer_data(found, lang) for lang in LANGUAGES}
        units = units_data(directory)
        terms = definitions_data(found.definitions)
        table: dict[str, Any] = {
            "published_at": format_instant(now),
            "published_by": by,
            "question": question_data(frozen),
            "code": __version__,
            "definitions": {"id": found.definitions.id, "digest": digest_of(terms), "terms": terms},
            "directory": digest_of(units),
            "table": bodies,
            "digest": bodies["vi"]["digest"],
        }
        identity = f"TK-{now:%Y%m%d}-{digest_of(table)[:10]}"
        signed = canonical({"id": identity, **table})
        signature = {"key": _public(self.key.public_key()), "signature": b64encode(self.key.sign(signed)).decode()}
        records = self.store.records
        records.put(DIRECTORY, table["directory"], {"units": units})
        with suppress(Conflict):  # the same answer at the same instant is the same publication
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
    try:
        key = Ed25519PublicKey.from_public_bytes(b64decode(body["signed"]["key"], validate=True))
        key.verify(b64decode(body["signed"]["signature"], validate=True), canonical(signed))
    except (InvalidSignature, KeyError, TypeError, ValueError):
        return False
    return True


def intact(store: Store, identity: str) -> dict[str, Any]:
    """What was published under the id, as it was signed. Raises NotFound, and UsageRefused where it was changed."""
    body = published(store, identity)
    if not body["intact"]:
        raise UsageRefused("publication_broken", id=identity)
    return body


def signing_key(path: Path) -> Ed25519PrivateKey:
    """The node's key for publications, made where there is none; nobody else on the machine may read it. Raises
    UsageRefused where the file is no such key."""
    if not path.exists():
        _make_key(path)
    try:
        return Ed25519PrivateKey.from_private_bytes(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageRefused("signing_key_unusable", path=path, reason=error) from error


def _make_key(path: Path) -> None:
    """A whole key stands under the name or none does; of several that make one at once the first stays."""
    raw = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name) as made:  # mode 0600
        made.write(raw)
        made.flush()
        os.fsync(made.fileno())
        with suppress(FileExistsError):
            os.link(made.name, path)


def _public(key: Ed25519PublicKey) -> str:
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return b64encode(raw).decode()


def units_data(directory: Directory) -> list[dict[str, Any]]:
    """The directory as a publication keeps it."""
    return [agency_data(unit) for unit in directory.agencies]


def digest_of(data: Any) -> str:
    """SHA-256 over the data in canonical JSON."""
    return sha256(canonical(data)).hexdigest()
