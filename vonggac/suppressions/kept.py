"""A suppression as one record, which holds its acts in order, and how others learn that one has changed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from vonggac.domain.suppression import Act, ActKind, Condition, Operator, Suppression
from vonggac.domain.times import format_instant, parse_instant
from vonggac.ports import Record, RecordStore

SUPPRESSION = "suppression"  # kinds of records
CHANGED = "suppressions-changed"


def put_suppression(records: RecordStore, suppression: Suppression, expected_version: int) -> None:
    """It stands in the store; whoever keeps the list in memory reads it again. Raises Conflict.

    The change is counted before, so that after a crash it is known of, and after, as somebody may have read in between.
    """
    records.put(CHANGED, CHANGED, {})
    records.put(SUPPRESSION, suppression.id, suppression_body(suppression), expected_version=expected_version)
    records.put(CHANGED, CHANGED, {})


def changes(records: RecordStore) -> int:
    """How often suppressions have changed; 0 where there never was one."""
    record = records.get(CHANGED, CHANGED)
    return record.version if record is not None else 0


def load_suppressions(records: RecordStore) -> list[Suppression]:
    return [suppression_from(record) for record in records.list(SUPPRESSION)]


def suppression_body(suppression: Suppression) -> dict[str, Any]:
    return {
        "rule": suppression.rule,
        "kind": suppression.kind,
        "agency": suppression.agency,
        "conditions": conditions_data(suppression.conditions),
        "start": format_instant(suppression.start),
        "ticket": suppression.ticket,
        "acts": [act_data(act) for act in suppression.acts],
    }


def suppression_from(record: Record) -> Suppression:
    """The suppression that `suppression_body` wrote."""
    body = record.body
    return Suppression(
        record.key,
        body["rule"],
        body["kind"],
        body["agency"],
        tuple(
            Condition(each["field"], Operator(each["operator"]), tuple(each["values"])) for each in body["conditions"]
        ),
        parse_instant(body["start"]),
        tuple(
            Act(
                ActKind(act["kind"]), parse_instant(act["at"]), act["actor"], act["reason"], parse_instant(act["until"])
            )
            for act in body["acts"]
        ),
        body["ticket"],
    )


def conditions_data(conditions: Collection[Condition]) -> list[dict[str, Any]]:
    return [{"field": each.field, "operator": str(each.operator), "values": list(each.values)} for each in conditions]


def act_data(act: Act) -> dict[str, Any]:
    return {
        "kind": str(act.kind),
        "at": format_instant(act.at),
        "actor": act.actor,
        "reason": act.reason,
        "until": format_instant(act.until),
    }
