"""`incident`: the inbox on the command line, casework, and back-loading of old cases."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import click

from vonggac.as_known import incidents_known, instant_of
from vonggac.call import Call
from vonggac.casework import Casework, history_data, incident_data
from vonggac.commands.load_progress import LoadProgress
from vonggac.commands.options import choice, named, node_of
from vonggac.definitions import definitions
from vonggac.domain.access import OPERATOR
from vonggac.domain.detection import Severity
from vonggac.domain.incident import Cause, Incident, Status
from vonggac.domain.times import format_instant
from vonggac.duplicates import duplicate_pairs, duplicates_of
from vonggac.messages import say
from vonggac.old_cases import Defaults, import_cases, import_data, unit_names
from vonggac.ports import IncidentQuery

COLUMNS = ("number", "id", "severity", "status", "title_vi", "entity")


#: As many as there are.
EVERY = 1_000_000


@click.group()
def incident() -> None:
    """List, show and work on incidents."""


@incident.command("list")
@click.option("--status", multiple=True)
@click.option("--category", multiple=True)
@click.option("--agency")
@click.option("--text", help="Words of the title, entity or notes; marks and case do not matter.")
@click.option("--known-at", help="Those that were known at this instant, as they were known then.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.pass_obj
def list_(
    call: Call,
    status: tuple[str, ...],
    category: tuple[str, ...],
    agency: str | None,
    text: str | None,
    known_at: str | None,
    limit: int,
) -> None:
    """Incidents, the newest first."""
    query = IncidentQuery(
        statuses=frozenset(choice(each, Status, "status") for each in status) or None,
        categories=frozenset(category) or None,
        agency=agency,
        text=text,
        limit=limit,
    )
    store, instant = node_of(call).store.incidents, instant_of(known_at)
    found = store.find(query).items if instant is None else islice(incidents_known(store, query, instant), limit)
    call.table([incident_data(each) for each in found], COLUMNS)


@incident.command()
@click.argument("identity", metavar="ID")
@click.option("--known-at", help="The incident as it was known at this instant.")
@click.option("--history", is_flag=True, help="Its entries instead of their fold.")
@click.pass_obj
def show(call: Call, identity: str, known_at: str | None, history: bool) -> None:
    """One incident with its evidence."""
    node = node_of(call)
    store, identity = node.store.incidents, named(node, identity)
    if history:
        for entry in history_data(store.history(identity)):
            call.show(entry)
        return
    call.show(incident_data(store.get(identity, known_at=instant_of(known_at))))


def _act(call: Call, identity: str, act: Callable[[Casework, str], Incident]) -> None:
    """One act on the incident of that id or number; shows what it left."""
    node = node_of(call)
    found = act(Casework(node.store.incidents, node.clock, OPERATOR), named(node, identity))
    call.show(
        {
            "id": found.id,
            "number": found.number,
            "version": found.version,
            "status": str(found.status),
            "assignee": found.assignee,
            "changed_at": format_instant(found.changed_at),
        }
    )


@incident.command()
@click.argument("identity", metavar="ID")
@click.argument("to", metavar="USER")
@click.pass_obj
def assign(call: Call, identity: str, to: str) -> None:
    """Somebody's from now on."""
    _act(call, identity, lambda work, found: work.assign(found, to))


@incident.command()
@click.argument("identity", metavar="ID")
@click.argument("text")
@click.pass_obj
def note(call: Call, identity: str, text: str) -> None:
    """A note in its history."""
    _act(call, identity, lambda work, found: work.note(found, text))


@incident.command()
@click.argument("identity", metavar="ID")
@click.argument("to", metavar="STATUS")
@click.option("--reason", default="", help="Needed for closed, reopened, false-positive and exercise.")
@click.pass_obj
def transition(call: Call, identity: str, to: str, reason: str) -> None:
    """To another status, where the table of transitions allows it."""
    status = choice(to, Status, "status")
    _act(call, identity, lambda work, found: work.transition(found, status, reason))


@incident.command()
@click.argument("identity", metavar="ID")
@click.argument("cause", metavar="CAUSE")
@click.pass_obj
def attribute(call: Call, identity: str, cause: str) -> None:
    """What brought it about: attack, fault, operator or disaster."""
    chosen = choice(cause, Cause, "cause")
    _act(call, identity, lambda work, found: work.attribute(found, chosen))


@incident.command()
@click.argument("identity", metavar="ID")
@click.option("--condition", "conditions", multiple=True, help="One of (a) that holds; any number of times.")
@click.option("--beyond-owner", is_flag=True, help="(b) its owner cannot control or handle it.")
@click.pass_obj
def grade(call: Call, identity: str, conditions: tuple[str, ...], beyond_owner: bool) -> None:
    """Serious or ordinary, by what you say to Article 9 of QĐ 05/2017/QĐ-TTg."""
    _act(call, identity, lambda work, found: work.grade(found, conditions, beyond_owner))


@incident.command()
@click.argument("identity", metavar="ID")
@click.option("--into", required=True, metavar="ID")
@click.option("--reason", default="", help="Kept in both histories.")
@click.pass_obj
def merge(call: Call, identity: str, into: str, reason: str) -> None:
    """Part of another incident from now on."""
    _act(call, identity, lambda work, found: work.merge(found, into, reason))


@incident.command()
@click.argument("identity", metavar="ID")
@click.option("--detection", "detections", multiple=True, required=True)
@click.option("--reason", default="", help="Kept in the history.")
@click.pass_obj
def split(call: Call, identity: str, detections: tuple[str, ...], reason: str) -> None:
    """Some of its detections become an incident of their own."""
    _act(call, identity, lambda work, found: work.split(found, detections, reason))


@incident.command()
@click.argument("identity", metavar="ID")
@click.pass_obj
def undo(call: Call, identity: str) -> None:
    """The last act on it no longer counts."""
    _act(call, identity, lambda work, found: work.undo(found))


@incident.command()
@click.argument("identity", metavar="[ID]", default="")
@click.option("--days", type=click.IntRange(1, 36_500), default=30, show_default=True, help="Without ID: how far back.")
@click.pass_obj
def duplicates(call: Call, identity: str, days: int) -> None:
    """Incidents that may be one and the same, and why; `incident merge` makes them one."""
    node = node_of(call)
    store = node.store.incidents
    if identity:
        incident = store.get(named(node, identity))
        found = [(incident, each) for each in duplicates_of(store, incident, most=EVERY)]
    else:
        found = list(duplicate_pairs(store, node.clock() - timedelta(days=days)))
    rows = [
        {
            "number": incident.number,
            "id": incident.id,
            "duplicate_of": each.incident.number,
            "duplicate_of_id": each.incident.id,
            "reasons": [say(call.lang, f"duplicate.{sign.what}", value=sign.value) for sign in each.signs],
        }
        for incident, each in found
    ]
    call.table(rows, ("number", "duplicate_of", "reasons"))


@incident.command("import")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would be loaded and refused; change nothing.")
@click.option("--agency", default="", metavar="CODE", help="Whose the cases of an export are that do not say it.")
@click.option("--severity", default="", help="Of the cases of an export that have none.")
@click.option("--source", default="", metavar="NAME", help="What the register of an export is called; two need two.")
@click.pass_obj
def import_(call: Call, path: Path, dry_run: bool, agency: str, severity: str, source: str) -> None:
    """Old cases with both clocks: CSV, JSON, or an export of TheHive, DFIR-IRIS or MISP (docs/backload.md)."""
    node = node_of(call)
    directory = node.directory()
    if severity:
        choice(severity, Severity, "severity")
    progress = LoadProgress(call)
    imported = import_cases(
        node.store.incidents,
        path,
        definitions(),
        now=node.clock(),
        units={unit.code for unit in directory.agencies},
        defaults=Defaults(agency, severity, source, unit_names(directory)),
        dry_run=dry_run,
        refuse=call.refuse,
        progress=progress.show,
    )
    progress.done()
    call.show(import_data(imported, call.refused))


@incident.command()
@click.pass_obj
def export(call: Call) -> None:
    """Every incident, one JSON object a line."""
    store = node_of(call).store.incidents
    cursor: str | None = None
    while True:
        page: Any = store.find(IncidentQuery(limit=500, cursor=cursor))
        call.emit_many([incident_data(found) for found in page.items])
        cursor = page.next
        if cursor is None:
            break
    sys.stdout.flush()
