"""The demo checks itself: what was planted against what was found, and that the rest of the house works."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import requests

from correlator.engine import Correlator
from correlator.indicators import IndicatorSet
from sensors import open_source
from sensors.base import Origin
from sensors.made import day
from sharing.subscribe import Feed, pages
from vonggac.bootstrap import Node, load_rules
from vonggac.comparison import answer_data
from vonggac.demo.run import SUBSCRIBER, SUBSCRIBER_AGENCY, Demo, made_captures
from vonggac.domain.marking import Tlp
from vonggac.pipeline import accounts
from vonggac.reports import figures
from vonggac.statistics import answer, ask

Difference = tuple[str, dict[str, object]]


def differences(demo: Demo) -> list[Difference]:
    """(key of the sentence, its facts) for each thing that is not as it must be; empty when all is well."""
    return [
        *_planted(demo),
        *_quiet(demo.node),
        *_balance(demo.node),
        *_statistics(demo.node),
        *_over_http(demo),
        *_over_taxii(demo),
    ]


def _planted(demo: Demo) -> Iterator[Difference]:
    """Exactly one incident for each thing planted, of its kind, at its agency, about its entity."""
    wanted = Counter((planted.kind, planted.site.agency, planted.entity) for planted in day.PLANTED)
    found = Counter(
        (incident.kind, agency, incident.entity)
        for incident in demo.incidents()
        for agency in sorted(incident.agencies) or [""]
    )
    for kind, agency, entity in (wanted - found).elements():
        yield "demo.missing", {"kind": kind, "agency": agency, "entity": entity}
    for kind, agency, entity in (found - wanted).elements():
        yield "demo.extra", {"kind": kind, "agency": agency, "entity": entity}


def _quiet(node: Node) -> Iterator[Difference]:
    """The same day without anything planted gives no detection."""
    rules = load_rules(node.settings, ()).rules
    with TemporaryDirectory() as folder, made_captures(Path(folder), quiet=True) as captures:
        for path in captures:
            correlator = Correlator(rules, IndicatorSet(node.received_indicators()))
            for batch in open_source(str(path), Origin(path.stem)):
                for detection in correlator.feed(batch.events):
                    yield "demo.not_quiet", {"sensor": path.stem, "rule": detection.rule.name}
            for detection in correlator.finish():
                yield "demo.not_quiet", {"sensor": path.stem, "rule": detection.rule.name}


def _balance(node: Node) -> Iterator[Difference]:
    """Every stage passed on, had already or refused all that it took, and the next stage took what was passed."""
    stages = accounts(node.store.records)
    for name, tally in stages.items():
        if not tally.balanced:
            yield "demo.unbalanced", {"stage": name, "tally": tally}
    for before, after in (("intake", "correlate"), ("detection", "incident")):
        if stages[before].passed + stages[before].duplicates != stages[after].taken:
            yield "demo.unbalanced", {"stage": f"{before} > {after}", "tally": (stages[before], stages[after])}
    if stages["intake"].passed != node.store.events.count_events():
        yield "demo.unbalanced", {"stage": "events", "tally": node.store.events.count_events()}


def _statistics(node: Node) -> Iterator[Difference]:
    """January to April 2020 against 2019: 1,056 against 2,173, a fall of 51.4 %."""
    directory = node.directory()
    total = answer_data(answer(node.store, directory, ask("2020-M1..M4"), now=node.clock()), "en")["total"]
    printed = figures.change(total["current"], total["previous"], "en")
    if (total["current"], total["previous"], printed) != (1056, 2173, "−51.4 %"):
        yield "demo.statistics", {"current": total["current"], "previous": total["previous"], "printed": printed}


def _over_http(demo: Demo) -> Iterator[Difference]:
    for path in ("/healthz", "/readyz", "/metrics"):
        answered = requests.get(demo.url + path, timeout=10)
        if answered.status_code != 200:
            yield "demo.http", {"path": path, "status": answered.status_code}
    opened = requests.get(demo.admin_link(), timeout=10)
    if opened.status_code != 200 or "text/html" not in opened.headers["content-type"]:
        yield "demo.http", {"path": "/login/link", "status": opened.status_code}


def _over_taxii(demo: Demo) -> Iterator[Difference]:
    """A TAXII client reads, as the subscriber, its agency's incidents and the open ones, and no others."""
    feed = Feed("demo", demo.taxii_collection, SUBSCRIBER, demo.password)
    objects = [obj for page, _ in pages(feed) for obj in page]
    read = {obj["name"] for obj in objects if obj["type"] == "incident"}
    allowed = {
        incident.title
        for incident in demo.incidents()
        if incident.tlp is Tlp.GREEN or SUBSCRIBER_AGENCY in incident.agencies
    }
    if read != allowed:
        yield "demo.taxii", {"read": sorted(read), "wanted": sorted(allowed)}
