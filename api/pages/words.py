"""How things are written for people: times, names, addresses that must not be clicked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from markupsafe import Markup

from vonggac.definitions import definitions
from vonggac.domain.agency import Directory
from vonggac.domain.incident import Incident
from vonggac.domain.times import VIETNAM, parse_instant
from vonggac.messages import say

#: C0 and C1 controls but tab and line ends, and what turns the direction of writing (Unicode UAX #9).
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_SCHEME = re.compile(r"^(h)tt(ps?)(://)", re.IGNORECASE)


def visible(value: object) -> object:
    """The value with control and direction characters written out, so that a hostile name looks like what it is."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", value)


def defang(text: str) -> str:
    """`hxxp://bad[.]example/`: nobody's program makes a link of it. An IP address stays as it is."""
    scheme = _SCHEME.match(text)
    head, rest = (f"{scheme[1]}xx{scheme[2]}{scheme[3]}", text[scheme.end() :]) if scheme else ("", text)
    host, slash, path = rest.partition("/")
    if re.fullmatch(r"[\d.:]+", host):
        return head + rest
    return head + host.replace(".", "[.]") + slash + path


def when(instant: datetime | str | None, seconds: bool = False) -> str:
    """`dd/mm/yyyy hh:mm` in Vietnam's time; a dash for none."""
    if not instant:
        return "–"
    moment = parse_instant(instant) if isinstance(instant, str) else instant
    return moment.astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M:%S" if seconds else "%d/%m/%Y %H:%M")


@dataclass(frozen=True, slots=True)
class Words:
    """One reader's language and the names of the day."""

    lang: str
    directory: Directory

    def say(self, key: str, /, **facts: object) -> str:
        return say(self.lang, f"console.{key}", **facts)

    def title(self, thing: Any) -> str:
        """Of an incident or a piece of evidence."""
        return str((thing.title if self.lang == "en" else thing.title_vi) or thing.title)

    def agency(self, code: str) -> str:
        unit = self.directory.latest(code)
        if unit is None:
            return code
        return unit.name_en if self.lang == "en" and unit.name_en else unit.name

    def agencies(self, codes: Iterable[str]) -> str:
        return ", ".join(sorted(self.agency(code) for code in codes))

    def category(self, key: str) -> str:
        return definitions().label(key, self.lang)

    def entity(self, incident: Incident) -> str:
        return defang(incident.entity)

    def difference(self, count: float) -> str:
        """With its sign; 0 has none."""
        return f"{'+' if count > 0 else '−'}{self.number(abs(count))}" if count else "0"

    def number(self, count: float) -> str:
        """Thousands apart as the language writes them."""
        text = f"{count:,}"
        return text.translate(str.maketrans(",.", ".,")) if self.lang == "vi" else text
