"""`probe`: whether the information systems answer, now."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import click

from vonggac.call import Call
from vonggac.commands.options import node_of
from vonggac.domain.event import Document
from vonggac.domain.event import field as value_at
from vonggac.domain.times import day_in_vietnam
from vonggac.errors import NotFound

COLUMNS = ("system", "url", "result", "status", "seconds", "certificate_until", "error")


@click.command()
@click.argument("codes", metavar="[CODE]…", nargs=-1)
@click.pass_obj
def probe(call: Call, codes: tuple[str, ...]) -> None:
    """Asks each domain of the information systems of today, or of those named, whether it answers; an ECS event for
    each, NDJSON. Nothing is stored.
    """
    from vonggac.probing import prober_of, targets_of

    node = node_of(call)
    prober, now = prober_of(call.settings), node.clock()
    targets = targets_of(node.directory(), day_in_vietnam(now), codes)
    for code in dict.fromkeys(codes):
        if not any(target.system == code for target in targets):
            call.refuse(NotFound("system_without_domain", code=code))
    if not (codes or targets):
        call.tell("message.nothing_to_probe")
    found: list[Document] = []
    with closing(prober.round(targets, now)) as batches:
        for batch in batches:
            if call.for_people:
                found += batch.events
            else:
                call.emit_text(batch.text)
    if call.for_people:
        call.table([_row(event) for event in found], COLUMNS)


def _row(event: Document) -> dict[str, Any]:
    return {
        "system": value_at(event, "vonggac.probe.system"),
        "url": value_at(event, "url.full"),
        "result": value_at(event, "vonggac.probe.result"),
        "status": value_at(event, "http.response.status_code"),
        "seconds": f"{value_at(event, 'event.duration') / 1e9:.3f}",
        "certificate_until": (value_at(event, "tls.server.not_after") or "")[:10],
        "error": value_at(event, "error.message"),
    }
