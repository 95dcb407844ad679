"""`serve`: the node."""

from __future__ import annotations

import click

from vonggac.call import Call
from vonggac.commands.options import node_of, rule_options


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
    server = make_server(
        running.app(), lambda: say_ready(url), cert=cert, key=key, client_ca=settings.serve_tls_client_ca
    )
    server.run(sockets=[listener])
