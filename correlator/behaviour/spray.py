"""Password spraying: one source fails with few attempts each at many accounts, or at many hosts.

Where the sensor says how a login ended, that is counted. An encrypted login (SSH, RDP) is taken to have failed when
its connection was short; there hosts are counted, as no account is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from correlator.behaviour.finding import finding, rule
from correlator.behaviour.sight import FLOW, LOGIN, Sight
from correlator.behaviour.table import Table
from correlator.behaviour.watch import Memory, Tables
from vonggac.domain.detection import Detection

_ENCRYPTED = frozenset({"ssh", "rdp"})
_SEPARATOR = "@"


@dataclass(frozen=True, slots=True)
class SprayParameters:
    window_hours: int = 12  # counted from 1970
    accounts: int = 10  # accounts or hosts at which it failed, at least
    attempts_each: int = 4  # median attempts at one account of one host, at most
    short_bytes: int = 8_000  # sent by the client of an encrypted login that failed, at most
    short_seconds: int = 60  # how long its connection lasted, at most
    most_pairs: int = 1_024  # of account and host, remembered of one source
    sources: int = 20_000  # remembered


@dataclass(slots=True)
class _Failures:
    window: int = -1
    since: float = 0.0
    attempts: dict[str, int] = field(default_factory=dict)  # account@host -> attempts
    accounts: dict[str, int] = field(default_factory=dict)
    hosts: dict[str, int] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    fired: bool = False


class Spray:
    name = "password_spray"
    kinds: tuple[str, ...] = (FLOW, LOGIN)
    warm_up_days = 0

    def __init__(self, parameters: SprayParameters) -> None:
        self._parameters = parameters
        self._rule = rule("password_spray", "password-spray", "high", "unauthorized-access", ("T1110.003",))
        self.rules = (self._rule,)

    def tables(self) -> Tables:
        return {"sources": Table(_Failures, self._parameters.sources)}

    def observe(self, memory: Memory, sight: Sight) -> Sequence[Detection]:
        if sight.kind == FLOW and not self._short_login(sight):
            return ()
        table: Table[_Failures] = memory.tables["sources"]
        key = (sight.source, sight.protocol)
        row = table.row(key)
        window = int(sight.at // (self._parameters.window_hours * 3_600))
        if row.window != window:
            row = table.put(key)
            row.window, row.since = window, sight.start or sight.at
        if row.fired:
            return ()
        self._count(memory, row, sight)
        return self._judge(row, sight)

    def _short_login(self, sight: Sight) -> bool:
        if sight.protocol not in _ENCRYPTED or not sight.answered:
            return False
        wanted = self._parameters
        return 0 < sight.out_bytes <= wanted.short_bytes and sight.at - sight.start <= wanted.short_seconds

    def _count(self, memory: Memory, row: _Failures, sight: Sight) -> None:
        pair = sight.user + _SEPARATOR + sight.destination
        if pair not in row.attempts and len(row.attempts) >= self._parameters.most_pairs:
            memory.counts["pairs_left_out"] += 1
            return
        row.attempts[pair] = row.attempts.get(pair, 0) + 1
        if sight.user:
            row.accounts[sight.user] = 1
        if sight.destination:
            row.hosts[sight.destination] = 1
        if len(row.ids) < 64:
            row.ids.append(sight.id)

    def _judge(self, row: _Failures, sight: Sight) -> Sequence[Detection]:
        wanted = self._parameters
        most = max(len(row.accounts), len(row.hosts))
        if most < wanted.accounts:
            return ()
        each = median(row.attempts.values())
        if each > wanted.attempts_each:
            return ()
        row.fired = True
        return [
            finding(
                self._rule,
                sight,
                {"source.ip": sight.source, "protocol": sight.protocol},
                row.window,
                since=row.since,
                evidence=row.ids,
                numbers={
                    "accounts": len(row.accounts),
                    "hosts": len(row.hosts),
                    "attempts": sum(row.attempts.values()),
                    "attempts_each": each,
                },
                baseline={"least_accounts": wanted.accounts, "most_attempts_each": wanted.attempts_each},
                entities={"destination.ip": sight.destination if len(row.hosts) == 1 else ""},
            )
        ]
