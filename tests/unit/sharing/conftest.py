"""One incident with its evidence in a real store, and the exchange over it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sharing.exchange import Exchange
from sharing.stix import NodeIdentity
from vonggac.domain.agency import Agency, Directory, Level
from vonggac.domain.detection import Detection, RuleInfo, Ruleset
from vonggac.domain.incident import Entry, EntryKind, Evidence, Incident, entry_id, evidence_data
from vonggac.ports import Clock, Store

SEEN = datetime(2026, 3, 1, 1, 2, 3, 456789, tzinfo=UTC)
DIRECTORY = Directory(
    (
        Agency("H40", "Tỉnh Mẫu A", Level.PROVINCE),
        Agency("H40.1", "Sở Mẫu", Level.UNIT, parent="H40"),
        Agency("G01", "Bộ Mẫu", Level.MINISTRY),
    )
)
RULE = RuleInfo(
    "rule-1",
    "Port scan",
    "Quét cổng",
    Ruleset.CORRELATION,
    "medium",
    techniques=("T1046",),
    category="other",
    kind="port-scan",
)
DETECTION = Detection(
    "d1",
    RULE,
    SEEN,
    SEEN,
    SEEN,
    ("event-1", "event-2"),
    {
        "source.ip": "192.0.2.7",
        "destination.ip": "10.1.1.1",
        "source.port": 40000,
        "destination.port": 22,
        "network.transport": "tcp",
        "organization.id": "H40",
    },
)


def incident_entries(identity: str, tlp: str = "amber") -> list[Entry]:
    opened = {
        "title": "Port scan",
        "title_vi": "Quét cổng",
        "kind": "port-scan",
        "entity": "192.0.2.7",
        "category": "other",
        "rsit": "information-gathering/scanner",
        "tlp": tlp,
    }
    part = Evidence("d1", "rule-1", "Port scan", "Quét cổng", "medium", SEEN, SEEN, ("event-1", "event-2"), ("T1046",))
    return [
        Entry(entry_id(identity, "o"), EntryKind.OPENED, SEEN, SEEN, "correlator", opened),
        Entry(entry_id(identity, "i"), EntryKind.INVOLVED, SEEN, SEEN, "c", {"agency": "H40", "role": "victim"}),
        Entry(entry_id(identity, "d"), EntryKind.DETECTED, SEEN, SEEN, "correlator", evidence_data(part)),
    ]


@pytest.fixture
def incident(store: Store) -> Incident:
    store.events.add_detections([DETECTION])
    return store.incidents.append("inc-1", incident_entries("inc-1"))


@pytest.fixture
def exchange(store: Store, clock: Clock) -> Exchange:
    made = Exchange(store, clock, NodeIdentity("Trung tâm Mẫu"))
    made.ensure_collections()
    return made
