"""Of which kind of attack something is: the kind of QĐ 05/2017/QĐ-TTg and the class of the Reference Security Incident
Taxonomy (RSIT), by a dated map, and why.

The kind's place in the monthly triad (phishing, deface, malware) stands in the definitions, which know only kinds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

OTHER = "other"
#: An indicator's labels are free text: a sign of them fits where it stands anywhere in one.
LABEL = "label."


class Attacked(StrEnum):
    """Whose machine was harmed, of the two that an attack of a kind is seen between."""

    DESTINATION_BY_SOURCE = "destination-by-source"
    DESTINATION = "destination"  # whoever asked for it did nothing wrong
    EITHER = "either"  # the direction does not tell


@dataclass(frozen=True, slots=True)
class Kind:
    """`rsit` is its class, or `class/type`, where nothing says more; `pairs` are all classes it may stand with."""

    rsit: str
    pairs: frozenset[str]


@dataclass(frozen=True, slots=True)
class Row:
    """What any of these signs says of the kind. A sign fits a tag that is it or begins with it and a dot."""

    signs: tuple[str, ...]
    kind: str
    rsit: str

    def fits(self, tags: Iterable[str]) -> str | None:
        """The tag that one of the signs fits."""
        return next((tag for tag in tags for sign in self.signs if _fits(sign, tag)), None)


def _fits(sign: str, tag: str) -> bool:
    if sign.startswith(LABEL):
        return tag.startswith(LABEL) and sign.removeprefix(LABEL) in tag.removeprefix(LABEL)
    return tag == sign or tag.startswith(f"{sign}.")


@dataclass(frozen=True, slots=True)
class Classified:
    """`because` says by what: `rule`, `technique T1486`, `tactic impact`, `label phishing`, `logsource antivirus`, `tag
    cve.2021-44228`, `nothing`; `map` names the map."""

    kind: str
    rsit: str
    because: str
    map: str


def classified_data(found: Classified) -> dict[str, str]:
    """As it stands in the entries of a history."""
    return {"category": found.kind, "rsit": found.rsit, "because": found.because, "map": found.map}


@dataclass(frozen=True)
class KindMap:
    """One dated map. `kinds` stand in the order in which one outranks another, `rows` in that in which they are asked;
    `classes` give an RSIT class its kind, `attacked` a kind or a class its victim."""

    id: str
    valid_from: date
    source: str
    kinds: Mapping[str, Kind]
    classes: Mapping[str, str]
    attacked: Mapping[str, Attacked]
    rows: tuple[Row, ...]

    def classify(self, kind: str, rsit: str, tags: tuple[str, ...]) -> Classified:
        """What a rule or indicator says of itself (`kind`, `rsit`; each may be empty), and for the rest what the first
        row says that one of its tags fits and that does not contradict it."""
        row, tag = self._first_row(kind, rsit, tags)
        stated = bool(kind or rsit)
        kind = kind or (row.kind if row else self.classes.get(rsit, OTHER))
        rsit = (row.rsit if row else rsit) or self.kinds[kind].rsit
        return Classified(kind, rsit, "rule" if stated else _in_words(tag), self.id)

    def _first_row(self, kind: str, rsit: str, tags: tuple[str, ...]) -> tuple[Row | None, str]:
        for row in self.rows:
            if kind in ("", row.kind) and rsit in ("", class_of(row.rsit)):
                tag = row.fits(tags)
                if tag is not None:
                    return row, tag
        return None, ""

    def rank(self, kind: str) -> int:
        """The higher, the more it outranks; -1 for what the map does not know."""
        names = list(self.kinds)
        return len(names) - 1 - names.index(kind) if kind in self.kinds else -1

    def class_beside(self, kind: str, rsit: str) -> str:
        """The class of what a person called `kind`, which may be an RSIT class itself; `rsit` where that still fits."""
        if kind in self.classes and kind not in self.kinds:
            return rsit if class_of(rsit) == kind else kind
        known = self.kinds.get(kind)
        if known is None or class_of(rsit) in known.pairs:
            return rsit
        return known.rsit

    def who_is_attacked(self, kind: str, rsit: str) -> Attacked:
        return self.attacked.get(kind) or self.attacked.get(class_of(rsit)) or Attacked.EITHER


def class_of(rsit: str) -> str:
    """The class of `class/type`."""
    return rsit.partition("/")[0]


def _in_words(tag: str) -> str:
    space, _, name = tag.partition(".")
    if space == "attack":
        return f"technique {name.upper()}" if name[:1] == "t" and name[1:2].isdigit() else f"tactic {name}"
    if space in ("label", "logsource", "indicator"):
        return f"{space} {name}"
    return f"tag {tag}" if tag else "nothing"
