"""Every shipped rule fires on its golden capture and keeps quiet on its quiet one, all other rules being loaded too.

The captures are not made anew here: `python -m tests.golden.record` does that, and its diff is to be read.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from correlator.engine import Correlator
from correlator.incidents import correlation_key
from correlator.sigma.load import LoadedRules, load_rules
from rules import SHIPPED
from sensors import open_source
from sensors.base import Origin
from tests.golden.make import Capture
from tests.golden.runner import HERE, SIDES, builders, found_in, rule_files

STEMS = tuple(rule_files())
MAX_BYTES = 30_000


@pytest.fixture(scope="module")
def shipped() -> LoadedRules:
    return load_rules([SHIPPED])


def _expected(stem: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = json.loads((HERE / stem / "expected.json").read_text("utf-8"))
    return found


@pytest.mark.parametrize("stem", STEMS)
@pytest.mark.parametrize("side", SIDES)
def test_a_capture_gives_exactly_the_recorded_detections(stem: str, side: str, shipped: LoadedRules):
    assert found_in(HERE / stem / f"{side}.pcap", shipped.rules) == _expected(stem)[side]


@pytest.mark.parametrize("stem", STEMS)
def test_the_rule_of_a_case_is_among_what_fires_and_nothing_is_quiet_by_chance(stem: str, shipped: LoadedRules):
    ids = {rule.info.id for rule in shipped.rules if rule.place.path.endswith(f"{stem}.yml")}
    assert ids & {found["id"] for found in _expected(stem)["fires"]}
    assert _expected(stem)["quiet"] == []
    events = [
        event for batch in open_source(str(HERE / stem / "quiet.pcap"), Origin("golden")) for event in batch.events
    ]
    assert events, "a capture without events would be quiet for the wrong reason"


@pytest.mark.parametrize("stem", STEMS)
def test_what_fires_on_one_attack_is_one_incident(stem: str, shipped: LoadedRules):
    correlator = Correlator(shipped.rules)
    events = [
        event for batch in open_source(str(HERE / stem / "fires.pcap"), Origin("golden")) for event in batch.events
    ]
    found = [*correlator.feed(events), *correlator.finish()]
    assert len({correlation_key(detection) for detection in found}) == 1


@pytest.mark.parametrize("stem", STEMS)
def test_a_case_is_described_and_small(stem: str):
    case = yaml.safe_load((HERE / stem / "case.yml").read_text("utf-8"))
    assert set(case) == {"rule", "fires", "quiet"}
    assert case["rule"] == f"rules/{rule_files()[stem].relative_to(SHIPPED).as_posix()}"
    assert all((HERE / stem / f"{side}.pcap").stat().st_size < MAX_BYTES for side in SIDES)


def test_every_rule_that_alerts_fires_somewhere(shipped: LoadedRules):
    fired = {found["id"] for stem in STEMS for found in _expected(stem)["fires"]}
    silent = [rule.info.name for rule in shipped.rules if getattr(rule, "alerts", True) and rule.info.id not in fired]
    assert silent == []


@pytest.mark.parametrize("stem", rule_files())
def test_the_captures_are_what_their_builders_make(stem: str) -> None:
    for side in SIDES:
        capture = Capture()
        builders(stem)[side](capture)
        assert capture.bytes() == (HERE / stem / f"{side}.pcap").read_bytes(), side
