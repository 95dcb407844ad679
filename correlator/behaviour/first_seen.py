"""What was not there before: a service on an inside host, and an outside service that a server begins to use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from correlator.behaviour.finding import finding, rule
from correlator.behaviour.place import Place
from correlator.behaviour.sight import FLOW, NAMED, Sight
from correlator.behaviour.table import Table
from correlator.behaviour.watch import Memory, Tables
from vonggac.domain.detection import Detection

DAY = 86_400.0
#: Their connections have a name in an event of their own.
_HAVE_NAMES = frozenset({"http", "tls", "quic", "dns"})


@dataclass(frozen=True, slots=True)
class FirstSeenParameters:
    warm_up_days: int = 7  # of the sensor, and of a server before its contacts are judged
    forgotten_days: int = 30  # what was not seen for so long is new again
    highest_port: int = 32_767  # above it stand ports that systems give out for a while
    most_a_day: int = 5  # findings about one host
    services: int = 50_000  # remembered
    contacts: int = 100_000  # of servers, remembered


@dataclass(slots=True)
class _Seen:
    last: float = 0.0


@dataclass(slots=True)
class _Host:
    first: float = 0.0
    day: int = -1
    told: int = 0


class FirstSeen:
    name = "first_seen"
    kinds: tuple[str, ...] = (FLOW, NAMED)

    def __init__(self, parameters: FirstSeenParameters, place: Place) -> None:
        self._parameters = parameters
        self._place = place
        self.warm_up_days = parameters.warm_up_days
        self._of_service = rule("first_seen_service", "first-seen-service", "low", "other", (), "destination.ip")
        self._of_contact = rule("first_seen_contact", "first-seen-contact", "low", "other", ("T1071",))
        self.rules = (self._of_service, self._of_contact)

    def tables(self) -> Tables:
        return {
            "services": Table(_Seen, self._parameters.services),
            "contacts": Table(_Seen, self._parameters.contacts),
            "servers": Table(_Host, self._parameters.services),
        }

    def observe(self, memory: Memory, sight: Sight) -> Sequence[Detection]:
        if sight.kind == FLOW and sight.answered and self._is_service(sight):
            return self._service(memory, sight)
        if self._place.outside(sight.destination):
            return self._contact(memory, sight)
        return ()

    def _is_service(self, sight: Sight) -> bool:
        """Whether the flow went to an inside host, on a port that services have."""
        return 0 < sight.port <= self._parameters.highest_port and self._place.inside(sight.destination)

    def _service(self, memory: Memory, sight: Sight) -> Sequence[Detection]:
        server = memory.tables["servers"].row((sight.destination,))
        known_as_server = server.first > 0
        server.first = server.first or sight.at
        service = f"{sight.transport}/{sight.port}"
        if not self._is_new(memory, "services", (sight.destination, service), sight.at):
            return ()
        if memory.days <= self.warm_up_days:
            return ()
        if not self._may_tell(memory, server, sight.at):
            return ()
        return [
            finding(
                self._of_service,
                sight,
                {"destination.ip": sight.destination, "service": service},
                int(sight.at // DAY),
                since=sight.start,
                evidence=[sight.id],
                numbers={"new_server": not known_as_server, "client": sight.source, "protocol": sight.protocol},
                baseline=self._baseline(memory),
                entities={"destination.port": sight.port, "source.ip": sight.source},
            )
        ]

    def _contact(self, memory: Memory, sight: Sight) -> Sequence[Detection]:
        server: _Host | None = memory.tables["servers"].get((sight.source,))
        if server is None or not sight.port or (sight.kind == FLOW and sight.protocol in _HAVE_NAMES):
            return ()
        target = sight.registered or sight.name or f"{sight.destination}:{sight.port}"
        if not self._is_new(memory, "contacts", (sight.source, target), sight.at):
            return ()
        if memory.days <= self.warm_up_days or sight.at - server.first < self.warm_up_days * DAY:
            return ()
        if not self._may_tell(memory, server, sight.at):
            return ()
        return [
            finding(
                self._of_contact,
                sight,
                {"source.ip": sight.source, "target": target},
                int(sight.at // DAY),
                since=sight.start,
                evidence=[sight.id],
                numbers={"protocol": sight.protocol or sight.transport, "port": sight.port},
                baseline=self._baseline(memory),
                entities={"destination.ip": sight.destination, "destination.port": sight.port},
            )
        ]

    def _is_new(self, memory: Memory, table: str, key: tuple[str, str], at: float) -> bool:
        row: _Seen = memory.tables[table].row(key)
        new = not row.last or at - row.last > self._parameters.forgotten_days * DAY
        row.last = at
        return new

    def _may_tell(self, memory: Memory, host: _Host, at: float) -> bool:
        day = int(at // DAY)
        if host.day != day:
            host.day, host.told = day, 0
        host.told += 1
        if host.told <= self._parameters.most_a_day:
            return True
        memory.counts["not_told_over_most_a_day"] += 1
        return False

    def _baseline(self, memory: Memory) -> dict[str, int]:
        return {"watched_days": memory.days - 1, "forgotten_days": self._parameters.forgotten_days}
