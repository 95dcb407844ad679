"""Events in, detections out."""

from __future__ import annotations

from pathlib import Path

from correlator.engine import Correlator
from correlator.indicators import IndicatorSet
from correlator.sigma.load import load_rules
from correlator.windows import MAX_EVIDENCE
from rules import SHIPPED
from tests.unit.correlator.samples import event, load_text, rule_text
from vonggac.domain.detection import Detection, from_document, to_document
from vonggac.domain.event import Document
from vonggac.domain.indicator import Indicator, IndicatorKind
from vonggac.domain.marking import Tlp

COUNT = """---
title: Many
title_vi: Nhiều
level: high
correlation:
  type: event_count
  rules: base
  group-by: [source.ip]
  timespan: 1h
  condition: {gte: 3}
vonggac: {category: dos, kind: many, entity: source.ip}
"""
BASE = rule_text("  s:\n    f: 1\n  condition: s", title="Base", name="base")


def hits(count: int, first: int = 0, **fields: object) -> list[Document]:
    return [
        event(f"e{number}", number, source__ip="192.0.2.1", f=1, **fields) for number in range(first, first + count)
    ]


def test_a_rule_that_feeds_a_correlation_does_not_alert_by_itself(tmp_path: Path):
    correlator = Correlator(load_text(tmp_path, BASE + COUNT).rules)
    assert correlator.feed(hits(2)) == []
    (found,) = correlator.feed(hits(1, first=2))
    assert found.evidence == ("e0", "e1", "e2")
    assert found.group_by == {"source.ip": "192.0.2.1"}
    assert (found.entity, found.rule.category, found.rule.name_vi) == ("192.0.2.1", "dos", "Nhiều")
    assert found.start < found.end == found.time


def test_generate_lets_both_alert(tmp_path: Path):
    text = BASE + COUNT.replace("  timespan", "  generate: true\n  timespan")
    assert len(Correlator(load_text(tmp_path, text).rules).feed(hits(3))) == 4


def test_the_same_events_in_other_batches_give_the_same_detections(tmp_path: Path):
    rules = load_text(tmp_path, BASE + COUNT).rules
    events = hits(50)
    whole = Correlator(rules).feed(events)
    pieces = Correlator(rules)
    assert [found for one in events for found in pieces.feed([one])] == whole
    assert Correlator(rules).feed([*events, *events]) == whole


def test_an_event_of_another_log_source_is_not_looked_at(tmp_path: Path):
    rules = load_text(
        tmp_path, rule_text("  s: {f: 1}\n  condition: s", logsource="{product: vonggac, service: dns}")
    ).rules
    assert Correlator(rules).feed(hits(1)) == []
    assert len(Correlator(rules).feed([event(dataset="dns", f=1)])) == 1


def test_only_what_all_events_share_stands_in_a_correlations_entities(tmp_path: Path):
    correlator = Correlator(load_text(tmp_path, BASE + COUNT).rules)
    events = [
        event(f"e{number}", number, source__ip="192.0.2.1", destination__port=number, network__transport="tcp", f=1)
        for number in range(3)
    ]
    (found,) = correlator.feed(events)
    assert found.entities == {"source.ip": "192.0.2.1", "network.transport": "tcp"}


def test_evidence_is_cut_but_its_number_is_kept(tmp_path: Path):
    text = BASE + COUNT.replace("gte: 3", "gte: 300")
    (found,) = Correlator(load_text(tmp_path, text).rules).feed(hits(300))
    assert (len(found.evidence), found.evidence_count) == (MAX_EVIDENCE, 300)
    assert from_document(to_document(found)) == found


def test_an_event_without_a_time_is_counted_not_fatal(tmp_path: Path):
    correlator = Correlator(load_text(tmp_path, BASE).rules)
    assert len(correlator.feed([{"event": {"id": "x"}, "f": 1}, *hits(1)])) == 1
    assert sum(correlator.faults.values()) == 1


def test_half_a_surrogate_pair_is_searched_like_other_text(tmp_path: Path):
    rules = load_text(tmp_path, rule_text("  s: {'f|re': a}\n  condition: s")).rules
    correlator = Correlator(rules)
    assert correlator.feed([event(f="\ud800")]) == []
    assert len(correlator.feed([event(f="a\ud800")])) == 1
    assert not correlator.faults


def _indicator(kind: IndicatorKind, value: str, **how: object) -> Indicator:
    return Indicator("indicator--1", kind, value, **how)  # type: ignore[arg-type]


def _detect(indicator: Indicator, one: Document) -> Detection:
    (found,) = Correlator((), IndicatorSet([indicator])).feed([one])
    return found


def test_a_known_bad_file_is_about_its_sha256_whichever_event_tells_of_it():
    sha256, md5 = "a" * 64, "b" * 32
    bad = _indicator(IndicatorKind.HASH, md5, name="Dropper", tlp=Tlp.RED)
    in_file = event(dataset="file", file__hash={"md5": md5, "sha256": sha256}, related__hash=[md5, sha256])
    in_http = event("e2", dataset="http", related__hash=[md5, sha256])
    assert _detect(bad, in_file).entity == _detect(bad, in_http).entity == sha256
    found = _detect(bad, in_file)
    assert (found.rule.id, found.rule.kind, found.rule.tags) == (
        "indicator:hash",
        "known-bad-file",
        ("indicator.hash",),
    )
    assert (found.rule.name, found.rule.name_vi) == ("Known malicious file: Dropper", "Tệp độc hại đã biết: Dropper")
    assert (found.indicator_id, found.tlp) == ("indicator--1", "red")


def test_a_hash_on_a_tls_connection_is_a_fingerprint_of_its_host():
    bad = _indicator(IndicatorKind.HASH, "c" * 32)
    found = _detect(
        bad, event(dataset="tls", source__ip="192.0.2.1", tls__client={"ja3": "c" * 32}, related__hash=["d" * 64])
    )
    assert (found.rule.kind, found.entity) == ("known-bad-fingerprint", "192.0.2.1")


def test_an_indicators_labels_tell_of_its_kind():
    bad = _indicator(IndicatorKind.DOMAIN, "bank.example", labels=("Phishing",))
    found = _detect(bad, event(dataset="dns", dns__question={"name": "www.bank.example"}))
    assert (found.rule.kind, found.entity) == ("known-bad-domain", "www.bank.example")
    assert found.rule.tags == ("label.phishing", "indicator.domain")


def test_an_indicator_is_not_used_outside_its_validity():
    bad = _indicator(IndicatorKind.IP, "192.0.2.1", valid_until=None)
    assert _detect(bad, hits(1)[0]).entity == "192.0.2.1"
    old = event(at=-(10**8), source__ip="192.0.2.1")
    young = _indicator(IndicatorKind.IP, "192.0.2.1", valid_from=_detect(bad, hits(1)[0]).time)
    assert Correlator((), IndicatorSet([young])).feed([old]) == []


def test_the_horizon_of_the_shipped_rules_is_their_longest_window():
    assert Correlator(load_rules([SHIPPED]).rules).horizon.total_seconds() == 3600 + 600
