"""`serve` (the node) and `sensor` (the process that touches packets, writes its spool and may send it to a node)."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path

import click

from vonggac.call import Call
from vonggac.commands.options import node_of, origin_options, rule_options
from vonggac.errors import PeerUnavailable, ReadError, StoreUnavailable, UsageRefused

#: How often a sensor sends what it spooled, and how long it leaves a node alone that did not answer.
SEND_SECONDS, RETRY_SECONDS = 1.0, 5.0


@click.command()
@click.option("--host", help="Address to answer on (default 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 takes a free one (default 8000).")
@click.option("--role", type=click.Choice(["all", "console"]), default="all", help="console: no jobs and no intake.")
@click.option("--insecure", is_flag=True, help="Allow plain HTTP beyond this machine.")
@rule_options
@click.pass_obj
def serve(
    call: Call,
    host: str | None,
    port: int | None,
    role: str,
    insecure: bool,
    rules: tuple[str, ...],
    indicators: tuple[str, ...],
) -> None:
    """The node: console, API, TAXII, jobs. Prints {"ready": URL} when it answers."""
    from vonggac.commands.detecting import matcher
    from vonggac.server import Running, address_of, bind, check_address, make_server, require_accounts, say_ready

    settings = call.settings
    host = host or settings.serve_host
    cert, key = settings.serve_tls_cert, settings.serve_tls_key
    check_address(host, tls=bool(cert), insecure=insecure or settings.serve_insecure)
    node = node_of(call)
    node.store.check()
    require_accounts(node)
    listener = bind(host, settings.serve_port if port is None else port)
    call.refused = 0
    pipeline = node.pipeline(matcher(call, node, rules, indicators))
    running = Running(node, pipeline, worker=role == "all", indicators=indicators)
    url = address_of(listener, tls=bool(cert))
    server = make_server(running.app(), lambda: say_ready(url), cert=cert, key=key)
    server.run(sockets=[listener])


@click.command()
@click.argument("sources", metavar="SOURCE…", nargs=-1, required=True)
@click.option("--to", "target", required=True, metavar="SPOOL_OR_URL", help="A spool folder, or a node's address.")
@click.option("--max-bytes", type=click.IntRange(1_000_000), default=1_000_000_000, show_default=True)
@click.option("--insecure", is_flag=True, help="Allow plain HTTP beyond this machine.")
@origin_options
@click.pass_obj
def sensor(
    call: Call,
    sources: tuple[str, ...],
    target: str,
    max_bytes: int,
    insecure: bool,
    sensor_name: str | None,
    agency: str | None,
) -> None:
    """Captures, live or replayed, into a spool; a node's address in --to sends the spool there meanwhile.

    The token for a node is read from VONGGAC_TOKEN. What a node did not take stays in the spool.
    """
    from sensors.base import Origin
    from sensors.spool import SpoolWriter
    from sharing.session import in_clear
    from vonggac.commands.detecting import batches

    origin = Origin(sensor_name or call.settings.sensor_name, agency or call.settings.sensor_agency or None)
    to_node = target.startswith(("http://", "https://"))
    if "://" in target and not to_node:
        raise UsageRefused("spool_url_scheme", url=target)
    if to_node and in_clear(target) and not insecure:
        raise UsageRefused("sensor_in_clear", url=target)
    folder = (call.settings.spool if to_node else Path(target)) / origin.sensor
    delivery = Delivery(folder, target, os.environ.get("VONGGAC_TOKEN", "")) if to_node else None
    with closing(SpoolWriter(folder, max_bytes=max_bytes)) as spool, delivery or nullcontext():
        for batch in batches(call, sources, origin):
            spool.append(batch)
        if spool.dropped_batches:
            batches_gone, events_gone = spool.dropped_batches, spool.dropped_events
            call.refuse(
                ReadError("spool_full", location=folder, offset=max_bytes, batches=batches_gone, events=events_gone)
            )
    if delivery is None:
        call.show({"spool": str(folder)})
    else:
        call.show({"spool": str(folder), "sent": delivery.finish()})


class Delivery:
    """Inside its block a spool is sent while more is written to it, so that a live capture's events arrive; a node
    that does not answer is asked again."""

    def __init__(self, folder: Path, url: str, token: str) -> None:
        self._folder, self._url, self._token = folder, url, token
        self._sent = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="delivery", daemon=True)

    def __enter__(self) -> Delivery:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def finish(self) -> int:
        """What is left is sent; how many batches were sent in all. Raises PeerUnavailable."""
        self._push()
        return self._sent

    def _run(self) -> None:
        pause = 0.0
        while not self._over.wait(pause):
            try:
                self._push()
                pause = SEND_SECONDS
            except (PeerUnavailable, StoreUnavailable):  # `finish` tells of it, if it lasts
                pause = RETRY_SECONDS

    def _push(self) -> None:
        for _ in push(self._folder, self._url, self._token):
            self._sent += 1


def push(folder: Path, url: str, token: str) -> Iterator[None]:
    """Each batch of the spool is the node's, one a step. Raises PeerUnavailable; what was not taken stays spooled."""
    import orjson
    import requests

    from sensors.base import batch_data
    from sensors.spool import SpoolReader

    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {token}"
        for batch, acknowledge in SpoolReader(folder):
            body = orjson.dumps(batch_data(batch))
            try:
                answer = session.post(f"{url.rstrip('/')}/api/v1/intake", body, timeout=(10, 60), allow_redirects=False)
            except requests.RequestException as error:
                raise PeerUnavailable("sensor_push", url=url, reason=type(error).__name__, spool=folder) from error
            if answer.status_code != 200:
                reason = f"HTTP {answer.status_code}"
                raise PeerUnavailable("sensor_push", url=url, reason=reason, spool=folder, detail=answer.text[:300])
            acknowledge()
            yield
