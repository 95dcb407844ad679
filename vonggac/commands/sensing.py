"""`sensor` (the process that touches packets and only writes its spool) and `ship` (the one that sends a spool).

With a node's address in --to, `sensor` is three processes: this one, which starts and watches the other two, a `sensor`
that captures into a spool, and a `ship` that sends it.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vonggac.call import Call
from vonggac.commands.options import filter_option, follow_option, kept, origin_options
from vonggac.errors import ReadError, UsageRefused

if TYPE_CHECKING:
    from sensors.base import Batch, Origin
    from sensors.live import Wire
    from sensors.shipping import Shipper, Target
    from sensors.spool import SpoolWriter

#: How often a wait looks whether it is over.
LOOK_SECONDS = 0.2


def ship_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """How to come in at a node."""
    for option in (
        click.option("--insecure", is_flag=True, help="Allow plain HTTP beyond this machine."),
        click.option("--ca", default="", help="PEM file of the certificates to trust instead of the system's."),
        click.option("--key", default="", help="PEM file of the client certificate's key."),
        click.option("--cert", default="", help="PEM file of a client certificate to show."),
        click.option("--token-file", default="", help="File with the node's token (else VONGGAC_TOKEN)."),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("sources", metavar="SOURCE…", nargs=-1, required=True)
@click.option("--to", "target", required=True, metavar="SPOOL_OR_URL", help="A spool folder, or a node's address.")
@click.option("--spool", "spool_dir", type=click.Path(path_type=Path), help="With a URL: where the spool is.")
@click.option("--max-bytes", type=click.IntRange(1_000_000), default=1_000_000_000, show_default=True)
@filter_option
@follow_option
@ship_options
@origin_options
@click.pass_obj
def sensor(
    call: Call,
    sources: tuple[str, ...],
    target: str,
    spool_dir: Path | None,
    max_bytes: int,
    bpf: str,
    follow: bool,
    token_file: str,
    cert: str,
    key: str,
    ca: str,
    insecure: bool,
    sensor_name: str | None,
    agency: str | None,
) -> None:
    """Captures, live or replayed, into a spool; a node's address in --to sends the spool there meanwhile.

    The token for a node is read from --token-file or VONGGAC_TOKEN. What a node did not take stays in the spool.
    """
    from sensors.base import Origin

    origin = Origin(sensor_name or call.settings.sensor_name, agency or call.settings.sensor_agency or None)
    if "://" not in target:
        _capture(call, sources, Path(target) / origin.sensor, origin, bpf, max_bytes, follow=follow)
        return
    node = _target(call, target, token_file, cert, key, ca, insecure=insecure)
    outbox = spool_dir or call.settings.data_dir / "outbox"
    capture = ["sensor", *sources, "--to", str(outbox), "--max-bytes", str(max_bytes), "--sensor", origin.sensor]
    capture += ["--agency", origin.agency] if origin.agency else []
    capture += ["--filter", bpf] if bpf else []
    capture += ["--follow"] if follow else []
    shipping = ["ship", str(outbox / origin.sensor), "--to", target, "--until-eof"]
    for name, value in (("--cert", cert), ("--key", key), ("--ca", ca)):
        shipping += [name, value] if value else []
    shipping += ["--insecure"] if insecure else []

    from vonggac.commands.supervising import supervise

    call.exit_code, said = supervise(call.settings, capture, shipping, node.token, quiet=call.quiet)
    call.show({"spool": str(outbox / origin.sensor), **said})


def _capture(
    call: Call, sources: Sequence[str], folder: Path, origin: Origin, bpf: str, max_bytes: int, *, follow: bool
) -> None:
    from sensors.heartbeat import Pulse
    from sensors.spool import SpoolWriter
    from vonggac.commands.detecting import followed, name_refusals, open_wires, replayed

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a thread that began earlier would keep its capabilities
    origin = kept(call, origin)
    wires = [] if follow else open_wires(sources, bpf)
    with closing(SpoolWriter(folder, max_bytes=max_bytes)) as spool:
        before = sum(spool.dropped.values())
        beat = call.settings.sensor_beat_seconds
        pulse = Pulse(origin, spool, lambda: datetime.now(UTC), time.monotonic, wires=wires, beat_seconds=beat)
        coming: Iterator[Batch | None]
        if follow:  # what was read is remembered for this spool: in another one it is missing
            coming = followed(call, sources, origin, f"sensor-{spool.id}")
        else:
            coming = _confined(call, wires, sources, origin, folder) if wires else replayed(call, sources, origin)
        for batch in coming:
            if batch is not None:
                spool.append(batch)
                if wires:
                    name_refusals(call, batch.refused)
            _tell(spool, pulse.due())
        _tell(spool, pulse.due(last=True))
        lost = sum(spool.dropped.values()) - before
        if lost:
            call.refuse(ReadError("spool_full", location=folder, offset=max_bytes, events=lost))
    call.show({"spool": str(folder)})


def _confined(
    call: Call, wires: Sequence[Wire], sources: Sequence[str], origin: Origin, folder: Path
) -> Iterator[Batch | None]:
    """The batches of the wires, captured by a process that has given up what it no longer needs."""
    from sensors import compiled, confine
    from vonggac.commands.detecting import watched

    compiled.main()  # loaded now: afterwards its cache could not be written
    writable = [folder] if origin.ring is None else [folder, call.settings.evidence]
    applied = confine.confine(writable)
    call.tell("message.confined", layers=", ".join(applied))
    yield from watched(call, wires, sources, origin, confine.no_more_threads)


def _tell(spool: SpoolWriter, batch: Batch | None) -> None:
    if batch is not None:
        spool.append(batch)


@click.command()
@click.argument("spool", type=click.Path(path_type=Path))
@click.option("--to", "url", required=True, metavar="URL", help="The node's address.")
@click.option("--once", is_flag=True, help="End when all is sent, or at the first failure.")
@click.option("--until-eof", is_flag=True, hidden=True, help="The same once standard input has ended.")
@ship_options
@click.pass_obj
def ship(
    call: Call,
    spool: Path,
    url: str,
    once: bool,
    until_eof: bool,
    token_file: str,
    cert: str,
    key: str,
    ca: str,
    insecure: bool,
) -> None:
    """Sends a spool, or every spool in a folder, to a node as it is written; stays until it is told to stop."""
    from random import SystemRandom

    from sensors.confine import drop_capabilities
    from sensors.shipping import Backoff, Shipped, Shipper, spools_in
    from sensors.shipping import ship as send
    from sensors.watch import stopping

    drop_capabilities()
    target = _target(call, url, token_file, cert, key, ca, insecure=insecure)
    settings = call.settings
    shippers: dict[Path, Shipper] = {}

    def known() -> list[Shipper]:
        for folder in spools_in(spool):
            if folder not in shippers:
                shippers[folder] = Shipper(folder, target)
        return list(shippers.values())

    backoff = Backoff(settings.ship_retry_first_seconds, settings.ship_retry_most_seconds, SystemRandom())
    writer = _Writer(watched=until_eof)
    with stopping() as stop:

        def wait(seconds: float) -> bool:
            end = time.monotonic() + seconds
            while not stop() and (left := end - time.monotonic()) > 0:
                if writer.look(min(left, LOOK_SECONDS)):
                    break
            return stop()

        try:
            failed = send(known, backoff, wait, lambda: once or writer.ended, settings.ship_poll_seconds)
        finally:
            for each in shippers.values():
                each.close()
    total = Shipped()
    for each in shippers.values():
        total += each.done
    call.show(asdict(total))
    call.exit_code = stop.exit_code
    if total.refused:
        call.refuse(ReadError("batches_laid_aside", location=spool / "refused", offset=0, batches=total.refused))
    if failed is not None and not stop():
        raise failed


class _Writer:
    """The process that writes the spool, which holds the other end of our standard input: `ended` once it is gone."""

    def __init__(self, *, watched: bool) -> None:
        self._watched = watched
        self.ended = False

    def look(self, seconds: float) -> bool:
        """Whether it has ended just now; waits for that at most so long."""
        if not self._watched or self.ended:
            time.sleep(seconds)
            return False
        self.ended = bool(select.select([0], [], [], seconds)[0]) and not os.read(0, 1024)
        return self.ended


def _target(call: Call, url: str, token_file: str, cert: str, key: str, ca: str, *, insecure: bool) -> Target:
    """Raises UsageRefused where the token or the events would be readable on the way."""
    from sensors.shipping import Target
    from sharing.session import in_clear

    if not url.startswith(("http://", "https://")):
        raise UsageRefused("spool_url_scheme", url=url)
    if in_clear(url) and not insecure:
        raise UsageRefused("sensor_in_clear", url=url)
    for path in (token_file, cert, key, ca):
        if path and not os.access(path, os.R_OK):
            raise UsageRefused("credential_unreadable", path=path)
    token = Path(token_file).read_text("utf-8").strip() if token_file else os.environ.get("VONGGAC_TOKEN", "")
    return Target(url, token, cert, key, ca, call.settings.ship_timeout_seconds)
