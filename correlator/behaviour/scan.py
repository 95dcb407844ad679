"""Scans, fast and slow: one source tries many ports of a host, or one port of many hosts, and hardly anything answers.

Sequential hypothesis testing after Jung, Paxson, Berger and Balakrishnan, "Fast Portscan Detection Using Sequential
Hypothesis Testing" (2004): each first try of a target moves a walk up when it fails and down when it succeeds, by the
log likelihood ratio of a scanner's and an ordinary host's chance of success. The walk does not go below 0, so that a
host that does other things too can still be found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log

from correlator.behaviour.finding import finding, rule
from correlator.behaviour.place import Place
from correlator.behaviour.sight import FLOW, Sight
from correlator.behaviour.table import Table
from correlator.behaviour.watch import Memory, Tables
from vonggac.domain.detection import Detection, RuleInfo


@dataclass(frozen=True, slots=True)
class ScanParameters:
    window_hours: int = 24  # counted from 1970
    ordinary_success: float = 0.8  # chance that an ordinary host's first try of a target is answered
    scanner_success: float = 0.2
    false_alarm: float = 1e-6  # wanted chance that an ordinary host is taken for a scanner
    detection: float = 0.99  # wanted chance that a scanner is found
    targets: int = 20  # failed ports of a host, or hosts on a port, at least
    most_targets: int = 2_048  # remembered of one group
    groups: int = 50_000  # remembered, each of ports and of hosts


@dataclass(slots=True)
class _Tries:
    window: int = -1
    since: float = 0.0
    walk: float = 0.0
    failed: int = 0
    answered: int = 0
    targets: dict[str, int] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    fired: bool = False


class Scan:
    name = "scan"
    kinds: tuple[str, ...] = (FLOW,)
    warm_up_days = 0

    def __init__(self, parameters: ScanParameters, place: Place) -> None:
        self._parameters = parameters
        self._place = place
        ordinary, scanner = parameters.ordinary_success, parameters.scanner_success
        self._up = log((1 - scanner) / (1 - ordinary))
        self._down = log(ordinary / scanner)
        self._enough = log(parameters.detection / parameters.false_alarm)
        self._of_ports = rule("port_scan", "port-scan", "medium", "unauthorized-access", ("T1046", "T1595.001"))
        self._of_hosts = rule("host_scan", "network-scan", "medium", "unauthorized-access", ("T1046", "T1595.001"))
        self.rules = (self._of_ports, self._of_hosts)

    def tables(self) -> Tables:
        return {name: Table(_Tries, self._parameters.groups) for name in ("ports", "hosts")}

    def observe(self, memory: Memory, sight: Sight) -> Sequence[Detection]:
        if sight.answered is None or not sight.port or not self._place.side(sight.destination):
            return ()
        port = f"{sight.transport}/{sight.port}"
        by_port = {"source.ip": sight.source, "destination.ip": sight.destination}
        found = self._try(memory.tables["ports"], self._of_ports, by_port, port, sight)
        by_host = {"source.ip": sight.source, "port": port}
        return [*found, *self._try(memory.tables["hosts"], self._of_hosts, by_host, sight.destination, sight)]

    def _try(
        self, table: Table[_Tries], info: RuleInfo, group: dict[str, str], target: str, sight: Sight
    ) -> Sequence[Detection]:
        key = tuple(group.values())
        window = int(sight.at // (self._parameters.window_hours * 3_600))
        row = table.get(key)
        if sight.answered:
            if row is not None and row.window == window and not row.fired and target not in row.targets:
                self._remember(row, target, 0)
                row.answered += 1
                row.walk = max(0.0, row.walk - self._down)
            return ()
        row = table.row(key)
        if row.window != window:
            row = table.put(key)
            row.window, row.since = window, sight.start
        if row.fired or target in row.targets:
            return ()
        self._remember(row, target, 1)
        row.failed += 1
        row.walk += self._up
        if len(row.ids) < 64:
            row.ids.append(sight.id)
        return self._judge(row, info, group, sight)

    def _remember(self, row: _Tries, target: str, failed: int) -> None:
        row.targets[target] = failed
        if len(row.targets) > self._parameters.most_targets:
            del row.targets[next(iter(row.targets))]

    def _judge(self, row: _Tries, info: RuleInfo, group: dict[str, str], sight: Sight) -> Sequence[Detection]:
        wanted = self._parameters
        if row.failed < wanted.targets or row.walk < self._enough:
            return ()
        row.fired = True
        return [
            finding(
                info,
                sight,
                group,
                row.window,
                since=row.since,
                evidence=row.ids,
                numbers={
                    "failed": row.failed,
                    "answered": row.answered,
                    "walk": round(row.walk, 1),
                    "examples": ", ".join(list(row.targets)[:5]),
                },
                baseline={"least_failed": wanted.targets, "least_walk": round(self._enough, 1)},
                entities={"network.transport": sight.transport}
                | ({"destination.port": sight.port} if "port" in group else {}),
            )
        ]
