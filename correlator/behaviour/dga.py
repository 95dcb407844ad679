"""Generated domains: one client asks for many registered domains that do not exist and that nobody would think up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from correlator.behaviour.finding import finding, rule
from correlator.behaviour.sight import DNS, Sight
from correlator.behaviour.table import Table
from correlator.behaviour.watch import Memory, Tables
from correlator.behaviour.words import plausibility
from vonggac.domain.detection import Detection


@dataclass(frozen=True, slots=True)
class DgaParameters:
    window_hours: int = 2  # counted from 1970
    domains: int = 12  # implausible registered domains that do not exist, at least
    share: float = 0.5  # of all registered domains that do not exist, at least
    length: int = 8  # shorter labels are not judged
    plausibility: float = -6.1  # mean log2 of letter pairs; below it a label is implausible
    clients: int = 20_000  # remembered


@dataclass(slots=True)
class _Missing:
    window: int = -1
    since: float = 0.0
    plausible: dict[str, int] = field(default_factory=dict)
    implausible: dict[str, float] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    fired: bool = False


class Dga:
    name = "dga"
    kinds: tuple[str, ...] = (DNS,)
    warm_up_days = 0

    def __init__(self, parameters: DgaParameters) -> None:
        self._parameters = parameters
        self._rule = rule("dga", "dga", "high", "malware", ("T1568.002",))
        self.rules = (self._rule,)

    def tables(self) -> Tables:
        return {"clients": Table(_Missing, self._parameters.clients)}

    def observe(self, memory: Memory, sight: Sight) -> Sequence[Detection]:
        if sight.response != "NXDOMAIN" or not sight.registered or sight.registered.endswith("arpa"):
            return ()
        label = sight.registered.partition(".")[0]
        if len(label) < self._parameters.length or label.startswith("xn--"):
            return ()
        table: Table[_Missing] = memory.tables["clients"]
        row = table.row((sight.source,))
        window = int(sight.at // (self._parameters.window_hours * 3_600))
        if row.window != window:
            row = table.put((sight.source,))
            row.window = window
        if row.fired or label in row.plausible or label in row.implausible:
            return ()
        score = plausibility(label)
        if score >= self._parameters.plausibility:
            if len(row.plausible) < 1_024:
                row.plausible[label] = 1
            return ()
        row.since = row.since or sight.at
        row.implausible[label] = score
        row.ids.append(sight.id)
        return self._judge(row, sight)

    def _judge(self, row: _Missing, sight: Sight) -> Sequence[Detection]:
        wanted, many = self._parameters, len(row.implausible)
        share = many / (many + len(row.plausible))
        if len(row.ids) > 64:
            del row.ids[0]
        if many > 4 * wanted.domains:
            del row.implausible[next(iter(row.implausible))]
        if many < wanted.domains or share < wanted.share:
            return ()
        row.fired = True
        mean = sum(row.implausible.values()) / many
        return [
            finding(
                self._rule,
                sight,
                {"source.ip": sight.source},
                row.window,
                since=row.since,
                evidence=row.ids,
                numbers={
                    "domains": many,
                    "share": round(share, 2),
                    "mean_plausibility": round(mean, 2),
                    "examples": ", ".join(list(row.implausible)[:3]),
                },
                baseline={"least_domains": wanted.domains, "most_plausibility": wanted.plausibility},
            )
        ]
