"""`serve` (the node) and `sensor` (the process that touches packets and only writes its spool)."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import click

from vonggac.call import Call
from vonggac.commands.options import node_of, origin_options, rule_options
from vonggac.errors import PeerUnavailable, ReadError, UsageRefused


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
    running = Running(node, node.pipeline(matcher(call, node, rules, indicators)), worker=role == "all")
    url = address_of(listener, tls=bool(cert))
    server = make_server(running.app(), lambda: say_ready(url), cert=cert, key=key)
    server.run(sockets=[listener])


@click.command()
@click.argument("sources", metavar="SOURCE…", nargs=-1, required=True)
@click.option("--to", "target", required=True, metavar="SPOOL_OR_URL", help="A spool folder, or a node's address.")
@click.option("--max-bytes", type=click.IntRange(1_000_000), default=1_000_000_000, show_default=True)
@origin_options
@click.pass_obj
def sensor(
    call: Call, sources: tuple[str, ...], target: str, max_bytes: int, sensor_name: str | None, agency: str | None
) -> None:
    """Captures, live or replayed, into a spool; a node's address in --to sends the spool there.

    The token for a node is read from VONGGAC_TOKEN. What a node did not take stays in the spool.
    """
    from sensors.base import Origin
    from sensors.spool import SpoolWriter
    from vonggac.commands.detecting import batches

    origin = Origin(sensor_name or call.settings.sensor_name, agency or call.settings.sensor_agency or None)
    to_node = target.startswith(("http://", "https://"))
    if "://" in target and not to_node:
        raise UsageRefused("spool_url_scheme", url=target)
    folder = (call.settings.spool if to_node else Path(target)) / origin.sensor
    with closing(SpoolWriter(folder, max_bytes=max_bytes)) as spool:
        for batch in batches(call, sources, origin):
            spool.append(batch)
        if spool.dropped_batches:
            batches_gone, events_gone = spool.dropped_batches, spool.dropped_events
            call.refuse(
                ReadError("spool_full", location=folder, offset=max_bytes, batches=batches_gone, events=events_gone)
            )
    if to_node:
        sent = push(folder, target, os.environ.get("VONGGAC_TOKEN", ""))
        call.show({"spool": str(folder), "sent": sent})
    else:
        call.show({"spool": str(folder)})


def push(folder: Path, url: str, token: str) -> int:
    """The spool's batches are the node's; how many. Raises PeerUnavailable; what was not taken stays spooled."""
    import orjson
    import requests

    from sensors.base import batch_data
    from sensors.spool import SpoolReader

    sent = 0
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
            sent += 1
    return sent
