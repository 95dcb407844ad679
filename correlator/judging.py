"""What a detection means for its incident: of which kind it is, what was hit, who had to do with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from correlator.behaviour.place import PRIVATE
from vonggac.domain.agency import Directory, System
from vonggac.domain.detection import Detection
from vonggac.domain.incident import Evidence, Incident, Involvement, Role, severity_of
from vonggac.domain.kinds import Attacked, Classified, KindMap
from vonggac.domain.prefixes import Prefixes, address_of
from vonggac.domain.reach import Reach
from vonggac.domain.severity import Grounds, Rating, SeverityTable

_PRIVATE = Prefixes((network, True) for network in PRIVATE)
_ENDS = ("source", "destination")


@dataclass(frozen=True, slots=True)
class Terms:
    """By what a detection is judged: its day, the map of kinds and the table of severities in force then, and the
    directory."""

    day: date
    kinds: KindMap
    table: SeverityTable
    directory: Directory


@dataclass(frozen=True, slots=True)
class Judged:
    """`part` is the evidence it gives; `involved` who had to do with it."""

    classified: Classified
    part: Evidence
    involved: tuple[Involvement, ...]


def judge(detection: Detection, terms: Terms) -> Judged:
    rule = detection.rule
    classified = terms.kinds.classify(rule.category, rule.rsit, (*rule.tags, f"rule.{rule.id}"))
    attacked = terms.kinds.who_is_attacked(classified.kind, classified.rsit)
    owners = {end: _owner(detection, end, terms) for end in _ENDS}
    machines = tuple(_machines(detection, attacked, owners))
    system = _system(detection, machines, terms)
    part = Evidence(
        detection=detection.id,
        rule=rule.id,
        title=rule.name,
        title_vi=rule.name_vi,
        level=rule.level,
        start=detection.start,
        end=detection.end,
        events=detection.evidence,
        techniques=rule.techniques,
        category=classified.kind,
        rsit=classified.rsit,
        machines=machines,
        system=system.name if system else "",
        system_level=system.level if system else 0,
    )
    return Judged(classified, part, tuple(dict.fromkeys(_involved(detection, attacked, owners))))


def _owner(detection: Detection, end: str, terms: Terms) -> str | None:
    """The unit whose machine it is: by the longest prefix of that day; a private address that no unit is known by is of
    the unit whose network this was seen in."""
    text = detection.entities.get(f"{end}.ip")
    address = address_of(text) if isinstance(text, str) else None
    if address is None:
        return None
    unit = terms.directory.owner_of(str(address), terms.day)
    if unit is not None:
        return unit.code
    return detection.agency if any(_PRIVATE.holding(address)) else None


def _machines(detection: Detection, attacked: Attacked, owners: dict[str, str | None]) -> Iterator[str]:
    for end in _ENDS if attacked is Attacked.EITHER else ("destination",):
        address = detection.entities.get(f"{end}.ip")
        if isinstance(address, str) and (owners[end] or attacked is not Attacked.EITHER):
            yield address


def _involved(detection: Detection, attacked: Attacked, owners: dict[str, str | None]) -> Iterator[Involvement]:
    source, destination = owners["source"], owners["destination"]
    victims = [destination] if attacked is not Attacked.EITHER else [source, destination]
    known = [owner for owner in victims if owner]
    attacker = source if attacked is Attacked.DESTINATION_BY_SOURCE else None
    yield from (Involvement(owner, Role.VICTIM) for owner in known)
    if attacker:
        yield Involvement(attacker, Role.SOURCE)
    if detection.agency:
        yield Involvement(detection.agency, Role.DETECTOR)
        if not known and not attacker:
            yield Involvement(detection.agency, Role.VICTIM)


def _system(detection: Detection, machines: Iterable[str], terms: Terms) -> System | None:
    """Of the systems that the machines, or the server that was asked for by name, belong to, the one of the highest
    level."""
    directory, day = terms.directory, terms.day
    if not directory.systems:
        return None
    names = (detection.entities.get(path) for path in ("url.domain", "tls.client.server_name"))
    found = [
        *(directory.system_at(machine, day) for machine in machines),
        *(directory.system_named(name, day) for name in names if isinstance(name, str)),
    ]
    return max((system for system in found if system), key=lambda system: (system.level, system.code), default=None)


def rate(reach: Reach, involvements: Iterable[Involvement], table: SeverityTable) -> Rating:
    """What the table makes of the evidence together."""
    level = max(reach.levels, key=list(table.levels).index)
    system = max((each for rsit, each in reach.systems.items() if table.hits(rsit)), default=(0, ""))
    hit = [machines for rsit, machines in reach.machines.items() if table.hits(rsit)]
    machines = hit[0] if len(hit) == 1 else frozenset[str]().union(*hit)
    victims = {each.agency for each in involvements if each.role is Role.VICTIM}
    return table.rate(Grounds(level, system[1], system[0], len(machines), len(victims)))


def outranks(part: Evidence, reach: Reach, kinds: KindMap) -> bool:
    """Whether this evidence's kind goes before that of all other: by the rule's level, then by the map's order."""
    mine = _strength(part.level, part.category, kinds)
    return all(mine > _strength(level, category, kinds) for level, category in reach.strengths)


def _strength(level: str, category: str, kinds: KindMap) -> tuple[int, int]:
    return severity_of(level).rank, kinds.rank(category)


def would_rate(incident: Incident, rating: Rating) -> bool:
    """Whether the rating is higher than what counts, and than what was told last."""
    told = incident.rating.severity.rank if incident.rated_by and incident.rating else 0
    return rating.severity.rank > max(told, incident.severity.rank)
