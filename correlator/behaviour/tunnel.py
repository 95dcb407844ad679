"""DNS tunnelling: much text leaves in ever new labels below one registered domain, asked by one client."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from correlator.behaviour.finding import finding, rule
from correlator.behaviour.known import is_service
from correlator.behaviour.sight import DNS, Sight
from correlator.behaviour.table import Table
from correlator.behaviour.watch import Memory, Tables
from correlator.behaviour.words import entropy
from vonggac.domain.detection import Detection

#: Types that carry more than an address and that desktops hardly ask for.
_RARE_TYPES = frozenset({"TXT", "NULL", "CNAME", "MX", "SRV", "PRIVATE", "KEY"})
#: A row keeps so many ids of events.
_EVIDENCE = 32


@dataclass(frozen=True, slots=True)
class TunnelParameters:
    window_hours: int = 4  # counted from 1970, so that windows are the same in every run
    labels: int = 50  # distinct names below the domain, at least
    length: int = 20  # characters below the domain, mean over distinct names, at least
    rare_labels: int = 30  # the same two, where rare types are at least half of the questions
    rare_length: int = 10
    rare_share: float = 0.5
    entropy: float = 3.3  # bits per character, at least
    new_share: float = 0.5  # distinct names per question, at least
    pairs: int = 20_000  # of client and domain, remembered


@dataclass(slots=True)
class _Asked:
    window: int = -1
    since: float = 0.0
    questions: int = 0
    rare: int = 0
    new: int = 0  # names when first asked
    carried: int = 0  # characters of these
    names: dict[str, int] = field(default_factory=dict)
    letters: dict[str, int] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    fired: bool = False


class Tunnel:
    name = "dns_tunnel"
    kinds: tuple[str, ...] = (DNS,)
    warm_up_days = 0

    def __init__(self, parameters: TunnelParameters) -> None:
        self._parameters = parameters
        self._rule = rule("dns_tunnel", "dns-tunnel", "high", "malware", ("T1071.004", "T1048.003"))
        self.rules = (self._rule,)

    def tables(self) -> Tables:
        return {"pairs": Table(_Asked, self._parameters.pairs)}

    def observe(self, memory: Memory, sight: Sight) -> Sequence[Detection]:
        below = sight.name.removesuffix(sight.registered).rstrip(".")
        if not sight.registered or not below or sight.registered.endswith("arpa") or is_service(sight.name):
            return ()
        table: Table[_Asked] = memory.tables["pairs"]
        row = table.row((sight.source, sight.registered))
        window = int(sight.at // (self._parameters.window_hours * 3_600))
        if row.window != window:
            row = table.put((sight.source, sight.registered))
            row.window, row.since = window, sight.at
        if row.fired:
            return ()
        row.questions += 1
        row.rare += sight.question in _RARE_TYPES
        if below in row.names:
            return ()
        self._take_name(row, below, sight.id)
        return self._judge(row, sight)

    def _take_name(self, row: _Asked, below: str, identity: str) -> None:
        row.new += 1
        row.carried += len(below)
        row.names[below] = 1
        for letter, count in Counter(below.replace(".", "")).items():
            row.letters[letter] = row.letters.get(letter, 0) + count
        if len(row.ids) < _EVIDENCE:
            row.ids.append(identity)
        if len(row.names) > 4 * self._parameters.labels:  # so long ago that it counts as new when it comes again
            del row.names[next(iter(row.names))]

    def _judge(self, row: _Asked, sight: Sight) -> Sequence[Detection]:
        wanted, labels = self._parameters, row.new
        if labels < wanted.rare_labels or labels < wanted.new_share * row.questions:
            return ()
        mean, rare = row.carried / labels, row.rare / row.questions
        by_size = labels >= wanted.labels and mean >= wanted.length
        by_type = rare >= wanted.rare_share and mean >= wanted.rare_length
        if not (by_size or by_type):
            return ()
        bits = entropy(Counter(row.letters))
        if bits < wanted.entropy:
            return ()
        row.fired = True
        return [
            finding(
                self._rule,
                sight,
                {"source.ip": sight.source, "dns.question.registered_domain": sight.registered},
                row.window,
                since=row.since,
                evidence=row.ids,
                numbers={
                    "questions": row.questions,
                    "names": labels,
                    "mean_length": round(mean, 1),
                    "entropy": round(bits, 2),
                    "rare_share": round(rare, 2),
                    "bytes_out": row.carried,
                },
                baseline={
                    "least_names": wanted.rare_labels if by_type else wanted.labels,
                    "least_length": wanted.rare_length if by_type else wanted.length,
                    "least_entropy": wanted.entropy,
                },
                entities={"destination.ip": sight.destination},
            )
        ]
