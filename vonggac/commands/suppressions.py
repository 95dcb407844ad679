"""`suppression`: what opens no incident for a while, who says so, and what it holds back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import click

from vonggac.bootstrap import Node, known_rules
from vonggac.call import Call
from vonggac.commands.options import choice, node_of
from vonggac.domain.access import OPERATOR
from vonggac.domain.detection import SUPPRESSED_BY, to_document
from vonggac.domain.suppression import Condition, Known, Operator, Standing, Suppression
from vonggac.domain.times import parse_record_time
from vonggac.errors import UsageRefused
from vonggac.ports import EventQuery
from vonggac.settings import span_of
from vonggac.suppressions.acts import Draft, Suppressing
from vonggac.suppressions.look import DEFAULT_PERIOD, preview_data, suppression_data
from vonggac.suppressions.look import preview as look

COLUMNS = ("id", "standing", "covers", "agency", "valid_until", "hits", "last_hit", "author", "reason")
_PAGE = 500


@click.group()
def suppression() -> None:
    """What opens no incident for a while, with reason, author and expiry (docs/suppression.md)."""


def what_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What is suppressed: rule, kind, conditions, agency."""
    where = "A field's value; | is, like (* ?), cidr, below. Several of one field: any of them."
    for option in (
        click.option("--agency", help="Of this agency and those below it; default: every agency."),
        click.option("--where", "where", multiple=True, metavar="FIELD[|OPERATOR]=VALUE", help=where),
        click.option("--kind", help="Kind of incident, as port-scan."),
        click.option("--rule", help="Id of the rule, as `rules check` and an incident's evidence name it."),
    ):
        command = option(command)
    return command


@suppression.command()
@what_options
@click.option("--from", "start", metavar="TIME", help="Detections of this time and later; default: now.")
@click.option("--until", required=True, metavar="TIME", help="Detections before this time; also 12h or 30d from now.")
@click.option("--reason", required=True, help="Why; everybody who sees the suppression reads it.")
@click.option("--ticket", default="", help="Where it was agreed.")
@click.option("--by", help="Whose decision it is; default: operator.")
@click.pass_obj
def add(
    call: Call,
    rule: str | None,
    kind: str | None,
    where: tuple[str, ...],
    agency: str | None,
    start: str | None,
    until: str,
    reason: str,
    ticket: str,
    by: str | None,
) -> None:
    """Suppress from now on. Incidents that exist stay as they are."""
    node = node_of(call)
    draft = Draft(
        until=_when(until, node.clock()),
        reason=reason,
        rule=rule,
        kind=kind,
        agency=agency,
        conditions=conditions(where),
        start=_when(start, node.clock()) if start else None,
        ticket=ticket,
    )
    known = known_rules(call.settings, node.directory())
    _show(call, node, known, _suppressing(node, by).make(draft, known))


@suppression.command()
@what_options
@click.option("--since", metavar="TIME", help="Detections of this time and later; default: 30 days ago.")
@click.option("--until", metavar="TIME", help="Detections before this time; default: now.")
@click.pass_obj
def preview(
    call: Call,
    rule: str | None,
    kind: str | None,
    where: tuple[str, ...],
    agency: str | None,
    since: str | None,
    until: str | None,
) -> None:
    """What such a suppression would have held back of the detections stored: how many, and the newest."""
    node = node_of(call)
    now = node.clock()
    what = Draft(now, "", rule, kind, agency, conditions(where))
    made = _suppressing(node).example(what, known_rules(call.settings, node.directory()))
    first, end = _when(since, now) if since else now - DEFAULT_PERIOD, _when(until, now) if until else now
    call.show(preview_data(look(node.store.events, made, node.directory(), first, end)))


@suppression.command("list")
@click.option("--standing", multiple=True, help="waiting, in-force, expired or ended; default: the first two.")
@click.option("--all", "every", is_flag=True, help="Also what is over.")
@click.option("--agency", help="Made for this agency.")
@click.pass_obj
def list_(call: Call, standing: tuple[str, ...], every: bool, agency: str | None) -> None:
    """Suppressions, the newest first, with what somebody should look at: expiring, unused, unknown-rule."""
    node = node_of(call)
    wanted = {choice(each, Standing, "standing") for each in standing}
    wanted = wanted or ({*Standing} if every else {Standing.WAITING, Standing.IN_FORCE})
    now, known, hits = node.clock(), known_rules(call.settings, node.directory()), node.store.events.suppressed()
    found = [
        suppression_data(each, hits.get(each.id), now, known)
        for each in _suppressing(node).all()
        if each.standing(now) in wanted and agency in (None, each.agency)
    ]
    call.table([_row(each, call.lang) for each in found] if call.for_people else found, COLUMNS)


@suppression.command()
@click.argument("identity", metavar="ID")
@click.option("--detections", is_flag=True, help="The detections it holds back instead, oldest first.")
@click.pass_obj
def show(call: Call, identity: str, detections: bool) -> None:
    """One suppression with its history."""
    node = node_of(call)
    found = _suppressing(node).get(identity)
    if not detections:
        _show(call, node, known_rules(call.settings, node.directory()), found)
        return
    query = EventQuery(terms={SUPPRESSED_BY: found.id}, limit=_PAGE)
    while True:
        page = node.store.events.search_detections(query)
        call.emit_many([to_document(each) for each in page.items])
        if page.next is None:
            return
        query = replace(query, cursor=page.next)


@suppression.command()
@click.argument("identity", metavar="ID")
@click.option("--reason", required=True)
@click.option("--by", help="Whose decision it is; default: operator.")
@click.pass_obj
def end(call: Call, identity: str, reason: str, by: str | None) -> None:
    """What happens from now on is not suppressed."""
    node = node_of(call)
    _show(call, node, known_rules(call.settings, node.directory()), _suppressing(node, by).end(identity, reason))


@suppression.command()
@click.argument("identity", metavar="ID")
@click.option("--until", required=True, metavar="TIME", help="Also 12h or 30d from now.")
@click.option("--reason", required=True)
@click.option("--by", help="Whose decision it is; default: operator.")
@click.pass_obj
def extend(call: Call, identity: str, until: str, reason: str, by: str | None) -> None:
    """It holds longer; one that is over stays over."""
    node = node_of(call)
    extended = _suppressing(node, by).extend(identity, _when(until, node.clock()), reason)
    _show(call, node, known_rules(call.settings, node.directory()), extended)


def conditions(given: Sequence[str]) -> tuple[Condition, ...]:
    """Of `FIELD[|OPERATOR]=VALUE`; values of the same field and operator are alternatives. Raises UsageRefused."""
    values: dict[tuple[str, Operator], list[str]] = {}
    for text in given:
        name, equals, value = text.partition("=")
        field, _, operator = name.partition("|")
        if not equals:
            raise UsageRefused("suppression_where", text=text)
        kind = choice(operator or Operator.IS, Operator, "operator")
        values.setdefault((field.strip(), kind), []).append(value)
    return tuple(Condition(field, operator, tuple(held)) for (field, operator), held in values.items())


def _suppressing(node: Node, by: str | None = None) -> Suppressing:
    return node.suppressing(replace(OPERATOR, name=by) if by else OPERATOR)


def _show(call: Call, node: Node, known: Known, found: Suppression) -> None:
    hits = node.store.events.suppressed().get(found.id)
    call.show(suppression_data(found, hits, node.clock(), known))


def _row(data: Mapping[str, Any], lang: str) -> dict[str, Any]:
    """For a table: what it covers in one cell, notices beside how it stands, times to the minute."""
    title = data["rule_name"] if lang == "en" else data["rule_name_vi"]
    covered = [title or data["rule"], data["kind"]]
    covered += [f"{each['field']} {each['operator']} {' | '.join(each['values'])}" for each in data["conditions"]]
    standing = " ".join([data["standing"], *(f"({notice})" for notice in data["notices"])])
    shown = {"standing": standing, "covers": "; ".join(filter(None, covered)), "agency": data["agency"] or "*"}
    times = {name: f"{data[name][:16]}Z" for name in ("valid_until", "last_hit") if data[name]}
    return {**data, **shown, **times}


def _when(text: str, now: datetime) -> datetime:
    """A time, or so long from now."""
    span = span_of(text)
    if span is not None:
        return now + span
    try:
        return parse_record_time(text)
    except (ValueError, OverflowError) as error:
        raise UsageRefused("bad_time", text=text) from error
