"""What people read, in Vietnamese and in English: `locale/vi/*.toml` and `locale/en/*.toml`, the same keys in both."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from vonggac.errors import VonggacError

LANGUAGES = ("vi", "en")


@cache
def catalogue(lang: str) -> dict[str, str]:
    """Dotted key -> text, for one of LANGUAGES."""
    texts: dict[str, str] = {}
    for path in sorted((Path(__file__).parent / "locale" / lang).glob("*.toml")):
        texts.update(_flat(tomllib.loads(path.read_text("utf-8"))))
    return texts


def say(lang: str, key: str, /, **facts: object) -> str:
    """The sentence of that key with its facts filled in; the key itself when the catalogue lacks it."""
    text = catalogue(lang).get(key)
    if text is None:
        return key
    return text.format_map({name: str(fact) for name, fact in facts.items()}) if facts else text


def explain(error: VonggacError, lang: str) -> str:
    """The public sentence of an error; a reason that a room gave by its key is put in words (`refused.<reason>`)."""
    reason = error.facts.get("reason")
    words = catalogue(lang).get(f"refused.{reason}")
    return say(lang, f"error.{error.key}", **(error.facts if words is None else {**error.facts, "reason": words}))


def _flat(table: dict[str, object], prefix: str = "") -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in table.items():
        key = f"{prefix}{name}"
        pairs += _flat(value, f"{key}.") if isinstance(value, dict) else [(key, str(value))]
    return pairs
