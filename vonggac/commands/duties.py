"""`duty`: what the law has to be told, what was filed and how late, and the official forms."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import click

from vonggac.as_known import instant_of
from vonggac.call import Call
from vonggac.commands.options import node_of, write_out
from vonggac.domain.access import OPERATOR
from vonggac.domain.duty import OPEN, PERIODIC, State
from vonggac.domain.lateness import Per, lateness
from vonggac.duties.kept import filing_data, mark_data
from vonggac.duties.law import all_duties, versions_of
from vonggac.duties.look import (
    duty_data,
    lateness_data,
    notices,
    obligation_data,
    period_asked,
    reckoned,
    usual_window,
)
from vonggac.errors import UnknownInput, UsageRefused

COLUMNS = ("due", "state", "duty", "agency", "subject", "late_by_seconds")
LAW_COLUMNS = ("id", "title_vi", "deadline", "form", "basis", "valid_from", "valid_to", "certainty")
NOTICE_COLUMNS = ("given_at", "kind", "duty", "agency", "subject", "due")
LATENESS_COLUMNS = ("key", "due", "on_time", "late", "not_filed", "median_late_seconds", "p90_late_seconds")


@click.group()
def duty() -> None:
    """Duties to report: what is due, what was filed, the forms."""


def _subject_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The duty, and for what: an incident, or an agency's period."""
    command = click.option("--period", default="", help="Of a periodic duty: 2026-H1 or 2026.")(command)
    command = click.option("--agency", default="", help="Code; needed where several agencies owe it.")(command)
    command = click.option("--duty", "identity", required=True, metavar="ID", help="One of `duty laws`.")(command)
    return click.argument("subject", metavar="[INCIDENT|AGENCY]", default="")(command)


def _named(identity: str, subject: str, agency: str, period: str) -> tuple[str, str]:
    """(subject, agency) of what is meant: a periodic duty is named by its agency and period."""
    if versions_of(identity)[-1].trigger in PERIODIC:
        if subject and agency and subject != agency:
            raise UsageRefused("duty_two_agencies", one=subject, other=agency)
        return period, agency or subject
    if period:
        raise UsageRefused("duty_no_period", id=identity)
    return subject, agency


@duty.command("list")
@click.option("--agency", help="Only what this agency owes.")
@click.option("--state", "states", multiple=True, type=click.Choice([str(state) for state in State]))
@click.option("--since", help="Due from this instant; default: since duties are watched here, at most 92 days back.")
@click.option("--until", help="Due before this instant; default: 184 days ahead.")
@click.pass_obj
def list_(call: Call, agency: str | None, states: tuple[str, ...], since: str | None, until: str | None) -> None:
    """What is owed, the next due first; what was met or is void only where --state asks for it."""
    node = node_of(call)
    now = node.clock()
    first, after = usual_window(node.store, now)
    found = reckoned(
        node.store, node.directory(), instant_of(since) or first, instant_of(until) or after, now, agency=agency
    )
    wanted = {State(each) for each in states} or OPEN
    call.table([obligation_data(each) for each in found if each.state in wanted], COLUMNS)


@duty.command()
@_subject_options
@click.option("--at", help="When it was sent; default: now.")
@click.option("--by", default="", help="Who sent it.")
@click.option("--form", "path", type=click.Path(path_type=Path), help="What was sent; its SHA-256 is kept.")
@click.option("--note", default="")
@click.option("--corrects", default="", metavar="FILING", help="Id of the filing that this one stands for.")
@click.pass_obj
def file(
    call: Call,
    subject: str,
    identity: str,
    agency: str,
    period: str,
    at: str | None,
    by: str,
    path: Path | None,
    note: str,
    corrects: str,
) -> None:
    """A report was sent. Filings are only ever added; a correction is another one."""
    subject, agency = _named(identity, subject, agency, period)
    filing = (
        node_of(call)
        .reporting(OPERATOR)
        .file(
            identity,
            subject,
            agency=agency,
            at=instant_of(at),
            by=by,
            digest=_digest_of(path) if path else "",
            note=note,
            corrects=corrects,
        )
    )
    call.show({"id": filing.id, **filing_data(filing)})


def _digest_of(path: Path) -> str:
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UnknownInput("input_unopenable", location=path, reason=error.strerror) from error


@duty.command("open")
@click.argument("incident", metavar="INCIDENT")
@click.option("--duty", "identity", required=True, metavar="ID")
@click.option("--reason", required=True)
@click.option("--agency", default="", help="Code; needed where the incident has several victims.")
@click.option("--at", help="When its clock began; default: when we learned of the incident.")
@click.option("--withdraw", is_flag=True, help="It does not apply after all.")
@click.pass_obj
def open_(call: Call, incident: str, identity: str, reason: str, agency: str, at: str | None, withdraw: bool) -> None:
    """A duty that no record shows by itself, such as the notice of a personal-data breach, applies to an incident."""
    acts = node_of(call).reporting(OPERATOR)
    mark = acts.open(identity, incident, reason, agency=agency, at=instant_of(at), stands=not withdraw)
    call.show({"id": mark.id, **mark_data(mark)})


@duty.command("lateness")
@click.option("--period", required=True, help="Due in: 2026, 2026-Q1, 2026-M1..M4 or START/END.")
@click.option("--by", type=click.Choice([str(per) for per in Per]), default="agency", show_default=True)
@click.pass_obj
def lateness_(call: Call, period: str, by: str) -> None:
    """How many reports were due, on time, late, not filed; median and p90 of those late. The last row is the total."""
    asked = period_asked(period)
    node = node_of(call)
    now = node.clock()
    found = reckoned(node.store, node.directory(), asked.start, asked.end, now)
    total, rows = lateness(found, now, Per(by))
    call.table(lateness_data([*rows, total]), LATENESS_COLUMNS)


@duty.command("notices")
@click.option("--since", help="Given at or after this instant.")
@click.pass_obj
def notices_(call: Call, since: str | None) -> None:
    """The warnings and missed limits that the node's job has told, the oldest first."""
    call.table(notices(node_of(call).store.records, since=instant_of(since)), NOTICE_COLUMNS)


@duty.command()
@click.pass_obj
def laws(call: Call) -> None:
    """Every version of every duty, with its source and how sure we are of it."""
    call.table([duty_data(each) for each in all_duties()], LAW_COLUMNS)


@duty.command()
@_subject_options
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="FILE.docx")
@click.option("--at", help="The instant the form is made for; default: now.")
@click.pass_obj
def form(call: Call, subject: str, identity: str, agency: str, period: str, out: Path, at: str | None) -> None:
    """The duty's official form as DOCX, filled in from the records; what they lack is left as dotted lines."""
    from vonggac.forms.make import make_form

    subject, agency = _named(identity, subject, agency, period)
    node = node_of(call)
    content = make_form(node.store, node.directory(), identity, subject, instant_of(at) or node.clock(), agency=agency)
    write_out(out, content)
    call.show({"path": str(out), "bytes": len(content), "digest": sha256(content).hexdigest()})
