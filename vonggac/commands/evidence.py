"""`evidence`: the packets behind an event."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from vonggac.call import Call
from vonggac.commands.options import node_of, write_out
from vonggac.errors import UsageRefused


@click.command()
@click.argument("event_id")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write (default: stdout)."
)
@click.pass_obj
def evidence(call: Call, event_id: str, output: Path | None) -> None:
    """The packets of an event's flow as a pcap, or of all flows that a detection rests on.

    They come from the rings of packets that `sensor` and `ingest` keep on this machine. Prints how many packets, from
    how many segments, and how many of these still have the hash that stands in the events.
    """
    from vonggac.evidence import events_behind, packets_behind

    if output is None and sys.stdout.isatty():
        raise UsageRefused("evidence_to_terminal", id=event_id)
    node = node_of(call)
    found = packets_behind(node.store.events, call.settings, events_behind(node.store.events, event_id))
    if output is None:
        sys.stdout.buffer.write(found.pcap)
        call.tell("evidence.found", packets=found.packets, segments=found.segments, verified=found.verified)
        return
    write_out(output, found.pcap)
    call.show(
        {
            "path": str(output),
            "packets": found.packets,
            "segments": found.segments,
            "verified": found.verified,
        }
    )
