"""Names made to be taken for those of the agencies' portals: other letters, words, endings, small errors."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from correlator.behaviour.finding import finding, rule
from correlator.behaviour.shapes import decoded, distance, plain, skeleton
from correlator.behaviour.sight import DNS, NAMED, Sight
from correlator.behaviour.table import Table
from correlator.behaviour.watch import Memory, Tables
from vonggac.domain.detection import Detection

DAY = 86_400.0
#: Labels that stand before a country's, as in `gov.vn`.
_SECOND_LEVEL = frozenset(
    ("ac", "biz", "co", "com", "edu", "gov", "health", "id", "info", "int", "mil", "net", "org", "pro")
)
_ENTITIES = {"dns": "dns.question.name", "http": "url.domain"}
_SNI = "tls.client.server_name"


@dataclass(frozen=True, slots=True)
class LookAlikeParameters:
    trusted_endings: tuple[str, ...] = ("gov.vn",)  # nobody but an agency gets a name below them
    allowed_names: tuple[str, ...] = ()  # these and what is below them are never told
    core_length: int = 6  # shorter names are only looked for whole, with their ending
    edits: float = 1.0  # weighted distance at most, of names of up to 9 letters
    long_edits: float = 1.5  # of longer ones
    added_words: tuple[str, ...] = (
        "account", "baomat", "canbo", "cccd", "chinhphu", "cong", "congan", "dangky", "dangnhap", "dichvu",
        "dichvucong", "dinhdanh", "dvc", "gov", "govvn", "hotro", "id", "login", "motcua", "nopphat", "online",
        "phatnguoi", "portal", "secure", "support", "thue", "tracuu", "update", "verify", "vneid", "xacminh",
        "xacthuc",
    )  # fmt: skip
    told: int = 50_000  # names remembered as told


@dataclass(slots=True)
class _Told:
    day: int = -1


@dataclass(frozen=True, slots=True)
class Likeness:
    """A protected name, the way in which another looks like it, and the weighted distance where that is the way."""

    protected: str
    way: str
    distance: float = 0.0


class Names:
    """The protected names, ready to be compared with. A name's likeness is decided once and remembered."""

    def __init__(self, protected: Iterable[str], parameters: LookAlikeParameters) -> None:
        self._parameters = parameters
        self.protected = tuple(dict.fromkeys(protected))
        own = {*self.protected, *parameters.trusted_endings, *parameters.allowed_names}
        self._own = frozenset(own | {registered(name) for name in self.protected})
        self._cores: dict[int, list[tuple[str, str, str]]] = defaultdict(list)  # length -> (core, skeleton, name)
        for name in self.protected:
            core = core_of(name)
            if len(core) >= parameters.core_length:
                self._cores[len(skeleton(core))].append((core, skeleton(core), name))
        self._whole = [(re.compile(_spelt(name)), name) for name in self.protected if "." in name]
        self._added = frozenset(skeleton(word) for word in parameters.added_words)
        self.likeness = lru_cache(65_536)(self._likeness)

    def _likeness(self, name: str, registered_domain: str) -> Likeness | None:
        parts = name.split(".")
        if any(".".join(parts[at:]) in self._own for at in range(len(parts))) or not self.protected:
            return None
        for spelt, own in self._whole:
            if spelt.search(plain(decoded(name))):
                return Likeness(own, "embedded")
        core = decoded((registered_domain or registered(name)).partition(".")[0])
        bones = skeleton(core)
        return self._same_bones(core, bones) or self._with_words(core) or self._near(bones)

    def _same_bones(self, core: str, bones: str) -> Likeness | None:
        for own_core, own_bones, name in self._cores.get(len(bones), ()):
            if own_bones == bones:
                return Likeness(name, "other-ending" if own_core == core else "look-alike-letters")
        return None

    def _with_words(self, core: str) -> Likeness | None:
        """The core with words added: after it, before it, or both, with or without hyphens."""
        bones = skeleton(core)
        for length, cores in self._cores.items():
            if length >= len(bones):
                continue
            for _, own_bones, name in cores:
                before, found, after = bones.partition(own_bones)
                if found and self._all_words(before) and self._all_words(after):
                    return Likeness(name, "added-words")
        return None

    def _all_words(self, text: str) -> bool:
        """Whether the text is nothing, or added words one after the other, and the ending `vn` where there is one."""
        text = text.removesuffix("vn") if text != "vn" else ""
        if not text:
            return True
        return any(text.startswith(word) and self._all_words(text[len(word) :]) for word in self._added)

    def _near(self, bones: str) -> Likeness | None:
        wanted = self._parameters
        most = wanted.edits if len(bones) <= 9 else wanted.long_edits
        best: Likeness | None = None
        for length in range(len(bones) - 2, len(bones) + 3):
            for _, own_bones, name in self._cores.get(length, ()):
                if bones[0] != own_bones[0] and bones[-1] != own_bones[-1]:
                    continue
                found = distance(bones, own_bones, most)
                if found <= most and (best is None or found < best.distance):
                    best = Likeness(name, "small-change", found)
        return best


class LookAlike:
    name = "look_alike"
    kinds: tuple[str, ...] = (DNS, NAMED)
    warm_up_days = 0

    def __init__(self, parameters: LookAlikeParameters, protected: Iterable[str]) -> None:
        self._parameters = parameters
        self._names = Names(protected, parameters)
        self._rules = {
            path: rule("look_alike", "phishing-lookalike", "high", "phishing", ("T1566.002", "T1583.001"), path)
            for path in (*_ENTITIES.values(), _SNI)
        }
        self.rules = tuple(self._rules.values())

    def tables(self) -> Tables:
        return {"told": Table(_Told, self._parameters.told)}

    def observe(self, memory: Memory, sight: Sight) -> Sequence[Detection]:
        if not sight.name or "." not in sight.name:
            return ()
        found = self._names.likeness(sight.name, sight.registered)
        if found is None:
            return ()
        path = _ENTITIES.get(sight.protocol, _SNI)
        row: _Told = memory.tables["told"].row((sight.name, path))
        day = int(sight.at // DAY)
        if row.day == day:
            return ()
        row.day = day
        return [
            finding(
                self._rules[path],
                sight,
                {path: sight.name},
                day,
                since=sight.start,
                evidence=[sight.id],
                numbers={"name": decoded(sight.name), "way": found.way, "distance": found.distance},
                baseline={"protected": found.protected, "most_distance": self._parameters.long_edits},
                entities={"source.ip": sight.source, "destination.ip": "" if sight.kind == DNS else sight.destination},
            )
        ]


def registered(name: str) -> str:
    """The name's last two labels, three where the second last is one of a country's (`x.gov.vn`).

    A stand-in for the public suffix list, for protected names; events bring their registered domain with them.
    """
    parts = name.split(".")
    deep = len(parts) > 2 and len(parts[-1]) == 2 and parts[-2] in _SECOND_LEVEL
    return ".".join(parts[-3:] if deep else parts[-2:])


def core_of(name: str) -> str:
    """The label by which people know a name: `dichvucong` of `dichvucong.gov.vn`."""
    return registered(name).partition(".")[0]


def _spelt(name: str) -> str:
    """The whole name with dots, or hyphens in their place, not within a longer word."""
    return r"(?:^|[.-])" + re.escape(name).replace(r"\.", "[.-]") + r"(?:[.-]|$)"
