"""The values that placeholders stand for (Sigma rules specification 2.1, "Placeholders").

A YAML map of names to a text or a list of texts; wildcards in them mean what they mean in rules:

    Administrators: [root, 'adm_*']
    DomainControllers: [10.0.0.5, 10.0.0.6]
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from correlator.sigma.document import MAX_FILE_BYTES, BrokenYaml, Source, documents
from correlator.sigma.modifiers import Placeholders
from vonggac.errors import RuleError, UnknownInput


def read_placeholders(path: Path) -> Placeholders:
    """The placeholders of a file. Raises UnknownInput where there is none, RuleError with the line of what is wrong."""
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig") if len(content) <= MAX_FILE_BYTES else None
    except OSError as error:
        raise UnknownInput("rules_not_found", path=path) from error
    except UnicodeDecodeError as error:
        raise _wrong(path, 1, "not UTF-8 text") from error
    if text is None:
        raise _wrong(path, 1, f"larger than {MAX_FILE_BYTES} bytes")
    found: dict[str, list[str]] = {}
    for document in documents(text):
        if isinstance(document, BrokenYaml):
            raise _wrong(path, document.line, document.reason)
        found |= {name: list(_values(path, document, name)) for name in document.data}
    return found


def _values(path: Path, source: Source, name: str) -> Iterator[str]:
    given = source.data[name]
    values = given if isinstance(given, list) else [given]
    if not values:
        raise _wrong(path, source.line_of(name), f"the placeholder {name} has no values")
    for at, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise _wrong(path, source.line_of(name, at), f"a value of the placeholder {name} must be text")
        yield str(value)


def _wrong(path: Path, line: int, reason: str) -> RuleError:
    return RuleError("rule_invalid", path=str(path), line=line, reason=reason, status="invalid", rule="")
