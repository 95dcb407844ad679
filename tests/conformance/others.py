"""The expectations that come without records: ids of flows, captures that must only not break us, labels."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.conformance.checks import Check, aside, at, of, read, sense, verdict
from vonggac.domain.event import Document
from vonggac.errors import VonggacError

#: What a malformed capture may take, however it ends.
MAX_SECONDS = 5.0


def community_ids(case: Mapping[str, Any], data: Path) -> Iterator[Check]:
    """Each id of corelight's baseline must be that of a flow between the same ends."""
    folder = data / "pcap" / "community-id"
    ours: dict[str, set[tuple[Any, ...]]] = {}
    for path in sorted(folder.glob("*.pcap*")):
        for flow in of(sense(path), "flow"):
            ends = {at(flow, "source.ip"), at(flow, "destination.ip")}
            ours.setdefault(at(flow, "network.community_id"), set()).add(
                (int(at(flow, "network.iana_number")), *sorted(ends))
            )
    seen: set[str] = set()
    for name in case["expect"]["baseline"]:
        if "deflt" not in name:
            yield aside("community-id", "flow", case["id"], name, "another seed or spelling; ours is seed 0 in base 64")
            continue
        for row in json.loads((data / name).read_text("utf-8")):
            identity = row["communityid"]
            if identity in seen:
                continue
            seen.add(identity)
            what = f"{row['proto']} {row['saddr']}:{row.get('sport')} > {row['daddr']}:{row.get('dport')} {identity}"
            key = (row["proto"], *sorted({row["saddr"], row["daddr"]}))
            wrong = [] if key in ours.get(identity, ()) else ["no flow of ours has this id"]
            yield verdict("community-id", "flow", case["id"], what, wrong, 1)


def no_crash(case: Mapping[str, Any], data: Path) -> Check:
    """A malformed capture gives events, or says what of it was not decoded, or why it cannot be read; soon."""
    begun = time.monotonic()
    wrong = []
    try:
        batches = read(data / case["files"][0])
        if not any(batch.events or batch.counts or batch.refused for batch in batches):
            wrong.append("nothing was told of it")
    except VonggacError:
        pass  # says what, where and what to do
    except Exception as error:  # that is what is checked
        wrong.append(f"{type(error).__name__}: {error}")
    if time.monotonic() - begun > MAX_SECONDS:
        wrong.append(f"took more than {MAX_SECONDS} s")
    return verdict("tcpdump", "malformed", case["id"], "read to its end or to a fault of ours", wrong, 1)


def label(case: Mapping[str, Any], events: list[Document]) -> Check:
    """What a person says a capture shows counts nothing; that it gives events is tested elsewhere."""
    shown = case["expect"].get("technique") or case["expect"].get("note")
    return aside(
        "label", "label", case["id"], f"{shown}, {len(events)} events", "a label for detection, not for decoding"
    )
