"""`sense`, `detect` and `ingest`: from inputs to events, to detections, to incidents in the store."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vonggac.bootstrap import load_behaviours, load_indicators, load_rules
from vonggac.call import Call
from vonggac.commands.options import filter_option, follow_option, kept, node_of, origin_options, rule_options
from vonggac.domain.account import Refusal
from vonggac.errors import ReadError, UnknownInput, UsageRefused

if TYPE_CHECKING:
    from correlator.engine import Correlator
    from sensors.base import Batch, Origin
    from sensors.live import Wire
    from vonggac.bootstrap import Node

#: Refusals are named one by one up to this many; the summary counts them all.
MAX_NAMED = 100


@click.command()
@click.argument("sources", metavar="SOURCE…", nargs=-1, required=True)
@filter_option
@follow_option
@origin_options
@click.pass_obj
def sense(
    call: Call, sources: tuple[str, ...], bpf: str, follow: bool, sensor_name: str | None, agency: str | None
) -> None:
    """Captures and logs to ECS events, NDJSON.

    SOURCE is a pcap, pcapng (also .gz, .zst), Suricata eve.json, Zeek log or folder of them, Windows events, ECS or
    flat NDJSON, - for standard input, or iface:NAME. The kind is recognised from the content.
    """
    from sensors.base import Origin

    # Without --agency nothing of the store is needed, so none is opened.
    origin = (
        node_of(call).origin(sensor_name, agency)
        if agency or call.settings.sensor_agency
        else Origin(sensor_name or call.settings.sensor_name)
    )
    for batch in batches(call, sources, origin, bpf, "sense" if follow else ""):
        call.emit_text(batch.text)


@click.command()
@click.argument("sources", metavar="SOURCE…", nargs=-1, required=True)
@filter_option
@follow_option
@rule_options
@origin_options
@click.pass_obj
def detect(
    call: Call,
    sources: tuple[str, ...],
    bpf: str,
    follow: bool,
    rules: tuple[str, ...],
    indicators: tuple[str, ...],
    sensor_name: str | None,
    agency: str | None,
) -> None:
    """Captures and logs to detections, NDJSON. Nothing is stored."""
    from sensors.base import Origin
    from vonggac.domain.detection import to_document

    correlator = matcher(call, None, rules, indicators)
    origin = Origin(sensor_name or call.settings.sensor_name, agency)
    for batch in batches(call, sources, origin, bpf, "detect" if follow else ""):
        call.emit_many([to_document(found) for found in correlator.feed(batch.events)])
    call.emit_many([to_document(found) for found in correlator.finish()])
    tell_passed_over(call, correlator)
    for (sensor, behaviour), days in correlator.warming_up.items():
        call.tell("message.warming_up", sensor=sensor, behaviour=behaviour, days=days)


@click.command()
@click.argument("sources", metavar="SOURCE…", nargs=-1, required=True)
@filter_option
@follow_option
@rule_options
@origin_options
@click.pass_obj
def ingest(
    call: Call,
    sources: tuple[str, ...],
    bpf: str,
    follow: bool,
    rules: tuple[str, ...],
    indicators: tuple[str, ...],
    sensor_name: str | None,
    agency: str | None,
) -> None:
    """Captures and logs through the whole pipeline into the store; prints a summary object.

    The same input again adds nothing: its events count as duplicates.
    """
    from vonggac.pipeline import Summary, keep_accounts

    node = node_of(call)
    node.store.check()
    correlator = matcher(call, node, rules, indicators)
    pipeline = node.pipeline(correlator)
    total = Summary()
    try:
        total += pipeline.catch_up()
        origin = kept(call, node.origin(sensor_name, agency))
        for batch in batches(call, sources, origin, bpf, "ingest" if follow else ""):
            step = pipeline.take(batch)
            total += step
            name_refusals(call, step.refusals[len(batch.refused) :])
        total += pipeline.conclude()
        pipeline.save()
    finally:
        keep_accounts(node.store.records, total.stages)
    tell_passed_over(call, correlator)
    call.show(total.data())


def matcher(call: Call, node: Node | None, rules: Sequence[str], indicators: Sequence[str]) -> Correlator:
    """The correlator of these rules and indicators, of those the node has received, and of the behaviours for its
    directory; each fault is named."""
    from correlator.engine import Correlator
    from vonggac.domain.agency import Directory

    behaviours = load_behaviours(call.settings, node.directory() if node is not None else Directory())
    loaded = load_rules(call.settings, rules)
    received = node.received_indicators() if node is not None else ()
    known, faults = load_indicators(call.settings, indicators, received)
    for fault in (*loaded.faults, *faults):
        call.refuse(fault)
    return Correlator(loaded.rules, known, behaviours=behaviours)


def tell_passed_over(call: Call, correlator: Correlator) -> None:
    """On stderr, by reason, how often an indicator was met and no detection made of it."""
    for reason, count in sorted(correlator.indicator_counts.items()):
        call.tell("message.passed_over", reason=reason, count=count)


def batches(call: Call, sources: Sequence[str], origin: Origin, bpf: str = "", follower: str = "") -> Iterator[Batch]:
    """Every source's batches, those of interfaces at once and until a signal, with progress on stderr.

    With a `follower`, the name under which it is remembered how far logs were read, these are followed. An interface
    that cannot be opened, and a log that cannot be followed, is told before anything is read (UnknownInput,
    UsageRefused)."""
    if follower:
        yield from (batch for batch in followed(call, sources, origin, follower) if batch is not None)
        return
    wires = open_wires(sources, bpf)
    if not wires:
        yield from replayed(call, sources, origin)
        return
    for batch in watched(call, wires, sources, origin):
        if batch is not None:
            yield batch
            name_refusals(call, batch.refused)


def open_wires(sources: Sequence[str], bpf: str) -> list[Wire]:
    """The interfaces among the sources. Raises UnknownInput and UsageRefused."""
    live = [source for source in sources if source.startswith("iface:")]
    if bpf and not live:
        raise UsageRefused("filter_needs_interface", filter=bpf)
    if not live:
        return []
    from sensors.live import Wire

    return [Wire(source, bpf) for source in live]


def watched(
    call: Call,
    wires: Sequence[Wire],
    sources: Sequence[str],
    origin: Origin,
    started: Callable[[], None] = lambda: None,
) -> Iterator[Batch | None]:
    """Batches of the wires, and of the sources that are none, until a signal ends it in order; None now and then."""
    from sensors.watch import shared, stopping, watch

    others = [source for source in sources if not source.startswith("iface:")]
    origin = shared(origin)
    with stopping() as stop:
        yield from watch(wires, origin, stop, [replayed(call, others, origin)] if others else [], started)
    for wire in wires:
        call.tell("message.captured", location=wire.location, packets=wire.packets, dropped=wire.dropped())
    call.exit_code = stop.exit_code or call.exit_code


def followed(call: Call, sources: Sequence[str], origin: Origin, follower: str) -> Iterator[Batch | None]:
    """Batches of logs and of what is added to them, until a signal; None now and then."""
    from sensors.follow import follow
    from sensors.watch import stopping

    def state(source: str) -> Path:
        name = "\n".join((follower, origin.sensor, str(Path(source).absolute())))
        return call.settings.data_dir / "follow" / f"{follower}-{sha256(name.encode()).hexdigest()[:16]}.json"

    with stopping() as stop:
        for batch in follow(sources, origin, state, stop=stop):
            yield batch
            name_refusals(call, batch.refused if batch is not None else ())
    call.exit_code = stop.exit_code or call.exit_code


def replayed(call: Call, sources: Sequence[str], origin: Origin) -> Iterator[Batch]:
    """The batches of one source after the other. A source that is missing or unknown is named, the others are still
    read, and at the end it decides the exit code."""
    from sensors import open_source

    unknown: UnknownInput | None = None
    for source in sources:
        taken = refused = 0
        passed_over: Counter[str] = Counter()
        try:
            opened = open_source(source, origin)
            with _Progress(call, source) as progress:
                for batch in opened:
                    taken += batch.taken
                    refused += len(batch.refused)
                    passed_over.update(batch.counts)
                    progress.show(taken)
                    yield batch
                    name_refusals(call, batch.refused)
        except UnknownInput as error:
            call.refuse(error)
            unknown = error
            continue
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(passed_over.items())) or "-"
        call.tell("message.read", location=source, taken=taken, refused=refused, passed_over=reasons)
    if unknown is not None:
        call.exit_code = unknown.exit_code


def name_refusals(call: Call, refusals: Sequence[Refusal]) -> None:
    """Each refused place on stderr, and counted."""
    for refusal in refusals:
        error = ReadError("refused_place", location=refusal.location, offset=refusal.offset, reason=refusal.reason)
        call.refuse(error)


class _Progress:
    """A line on a terminal's stderr that says how far a source is."""

    def __init__(self, call: Call, source: str) -> None:
        self._on = sys.stderr.isatty() and not call.quiet
        self._call = call
        self._source = source

    def __enter__(self) -> _Progress:
        if self._on:
            self._call.tell("message.reading", location=self._source)
        return self

    def show(self, taken: int) -> None:
        if self._on:
            click.echo(f"\r  {taken:,}", err=True, nl=False)

    def __exit__(self, *_: object) -> None:
        if self._on:
            click.echo("\r", err=True)
