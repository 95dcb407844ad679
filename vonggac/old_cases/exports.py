"""Objects of JSON files as named cells: the contract's own, cases of TheHive and DFIR-IRIS, events of MISP.

What an export does not say is taken from `Defaults`, else the case is refused: nothing is guessed. docs/backload.md
says where each shape is described.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from vonggac.domain.agency import Directory
from vonggac.domain.incident import Role, Status
from vonggac.domain.text import fold
from vonggac.domain.times import day_in_vietnam, format_instant, parse_record_time
from vonggac.old_cases.case import COLUMNS, cell
from vonggac.old_cases.mapping import ExportMap, export_map
from vonggac.tables import RowRefused

Cells = dict[str, str]
Object = Mapping[str, Any]

_IRIS_NAME = re.compile(r"#(\d+) - (.*)", re.DOTALL)
_US_DAY = re.compile(r"(\d{2})/(\d{2})/(\d{4})")
_NO_ZONE = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Defaults:
    """What cases of an export have where it does not say: whose they are, how severe, what the register is called.
    `units`: folded name or code of a unit -> its code."""

    agency: str = ""
    severity: str = ""
    source: str = ""
    units: Mapping[str, str] = field(default_factory=dict)

    def unit(self, name: Any) -> str:
        """The code of the unit of that name; empty where the directory has none, or several."""
        return self.units.get(fold(_text(name).strip()), "")


def unit_names(directory: Directory) -> dict[str, str]:
    """`Defaults.units` of a directory; a name that units of several codes bear is left out."""
    codes: dict[str, set[str]] = {}
    for unit in directory.agencies:
        for name in filter(None, (unit.name, unit.name_en)):
            codes.setdefault(fold(name), set()).add(unit.code)
    named = {name: next(iter(found)) for name, found in codes.items() if len(found) == 1}
    return {**named, **{fold(unit.code): unit.code for unit in directory.agencies}}


@dataclass(frozen=True, slots=True)
class Export:
    """A kind of object: `fits` tells it, `rows` gives its involvements and what became of the case. Both take only an
    object; `rows` raises RowRefused."""

    name: str
    fits: Callable[[Object], bool]
    rows: Callable[[Object, Defaults], Iterator[tuple[Cells, Status]]]


# --- the contract's names ---------------------------------------------------------------------------------------------


def _ours(item: Object, defaults: Defaults) -> Iterator[tuple[Cells, Status]]:
    cells = {name: cell(_text(item.get(name))) for name in COLUMNS}
    parts = item.get("involvements")
    if parts is None:
        yield cells, Status.CLOSED
        return
    if not isinstance(parts, list) or not parts or not all(isinstance(part, dict) for part in parts):
        raise RowRefused("row_value", column="involvements", value=parts, wanted="[{agency_code, role, recorded_at}]")
    for part in parts:
        own = {name: cell(_text(part[name])) for name in ("agency_code", "role", "recorded_at") if name in part}
        yield {**cells, **own}, Status.CLOSED


# --- TheHive ----------------------------------------------------------------------------------------------------------


def _thehive(item: Object, defaults: Defaults) -> Iterator[tuple[Cells, Status]]:
    tags = [_text(tag) for tag in item.get("tags") or ()]
    status = _thehive_status(item)
    occurred = _milliseconds(item, "startDate")
    ended = next((name for name in ("closedDate", "endDate") if item.get(name)), "")
    table = export_map(day_in_vietnam(occurred))
    yield (
        {
            **_common("thehive", table, tags, defaults),
            "incident_id": _first(item, "number", "caseId", "_id", "id"),
            "title": cell(_text(item.get("title"))),
            "occurred_at": format_instant(occurred),
            "recorded_at": format_instant(_milliseconds(item, "_createdAt", "createdAt")),
            "closed_at": format_instant(_milliseconds(item, ended)) if ended and status is Status.CLOSED else "",
            "severity": _severity(table, "thehive", item.get("severity"), defaults),
            "agency_code": _agency((*_tagged(tags), *_custom(item.get("customFields"))), defaults),
            "role": Role.VICTIM,
        },
        status,
    )


def _thehive_status(item: Object) -> Status:
    """TheHive 4 has Open, Resolved, Duplicated and Deleted with a `resolutionStatus`; TheHive 5 only `status`."""
    status, resolution = _text(item.get("status")), _text(item.get("resolutionStatus"))
    if "Duplicated" in (status, resolution):
        raise RowRefused("row_export", reason="case_duplicated")
    if status == "Deleted":
        raise RowRefused("row_export", reason="case_deleted")
    if "FalsePositive" in (status, resolution):
        return Status.FALSE_POSITIVE
    return Status.CONFIRMED if status in ("Open", "New", "InProgress") else Status.CLOSED


def _custom(fields: Any) -> Iterator[Any]:
    """The value of the custom field `agency`: in TheHive 4 an object by name, in TheHive 5 a list."""
    if isinstance(fields, dict):
        value = fields.get("agency")
        yield from value.values() if isinstance(value, dict) else (value,)
    for each in fields if isinstance(fields, list) else ():
        if isinstance(each, dict) and each.get("name") == "agency":
            yield each.get("value")


# --- DFIR-IRIS --------------------------------------------------------------------------------------------------------


def _iris(item: Object, defaults: Defaults) -> Iterator[tuple[Cells, Status]]:
    case = item["case"] if isinstance(item.get("case"), dict) else item
    name = _text(case.get("case_name") or case.get("name"))
    named = _IRIS_NAME.fullmatch(name)
    opened = _iris_time(case.get("case_open_date") or case.get("open_date"), "open_date")
    events = [event.get("event_date") for event in item.get("timeline") or () if isinstance(event, dict)]
    happened = min((_iris_time(at, "event_date") for at in events if at), default=opened)
    closed = case.get("case_close_date") or case.get("close_date")
    tags = [*_text(case.get("classification") or case.get("classification_name")).split(","), *_iris_tags(case)]
    table = export_map(day_in_vietnam(happened))
    status = Status.CLOSED if closed else Status.CONFIRMED
    if _text(case.get("status_name")).lower() == "false positive":
        status = Status.FALSE_POSITIVE
    severity = case.get("severity") or case.get("severity_name")
    severity = severity.get("severity_name") if isinstance(severity, dict) else severity
    yield (
        {
            **_common("iris", table, tags, defaults),
            "incident_id": _first(case, "case_id") or (named[1] if named else ""),
            "title": cell(named[2] if named else name),
            "occurred_at": format_instant(happened),
            "recorded_at": format_instant(opened),
            "closed_at": format_instant(_iris_time(closed, "close_date")) if status is Status.CLOSED else "",
            "severity": _severity(table, "iris", severity, defaults),
            "agency_code": _agency(
                (*_tagged(tags), *(case.get(key) for key in ("for_customer", "client_name", "customer_name"))), defaults
            ),
            "role": Role.VICTIM,
        },
        status,
    )


def _iris_tags(case: Object) -> list[str]:
    tags = case.get("case_tags") or case.get("tags") or ()
    if isinstance(tags, str):
        return tags.split(",")
    return [_text(tag.get("tag_title") if isinstance(tag, dict) else tag) for tag in tags]


def _iris_time(value: Any, column: str) -> datetime:
    """IRIS writes `mm/dd/yyyy` in its lists of cases, elsewhere ISO 8601, in UTC where no zone is said."""
    text = _text(value).strip()
    if match := _US_DAY.fullmatch(text):
        text = f"{match[3]}-{match[1]}-{match[2]}"
    elif _NO_ZONE.fullmatch(text):
        text += "Z"
    try:
        return parse_record_time(text)
    except ValueError as error:
        raise RowRefused("row_value", column=column, value=text, wanted="ISO 8601, mm/dd/yyyy") from error


# --- MISP -------------------------------------------------------------------------------------------------------------


def _misp(item: Object, defaults: Defaults) -> Iterator[tuple[Cells, Status]]:
    event = item["Event"] if isinstance(item.get("Event"), dict) else item
    tags = [_text(tag.get("name")) for tag in event.get("Tag") or () if isinstance(tag, dict)]
    day = _text(event.get("date"))
    try:
        occurred = parse_record_time(day)
    except ValueError as error:
        raise RowRefused("row_value", column="date", value=day, wanted="yyyy-mm-dd") from error
    known = "publish_timestamp" if _text(event.get("publish_timestamp")) not in ("", "0") else "timestamp"
    table = export_map(day_in_vietnam(occurred))
    creator = event.get("Orgc")
    reporter = defaults.unit(creator.get("name")) if isinstance(creator, dict) else ""
    victim = next(filter(None, map(defaults.unit, _tagged(tags))), "") or defaults.agency
    cells = {
        **_common("misp", table, tags, defaults),
        "incident_id": _first(event, "uuid", "id"),
        "title": cell(_text(event.get("info"))),
        "occurred_at": format_instant(occurred),
        "recorded_at": format_instant(_milliseconds({known: f"{_text(event.get(known))}000"}, known)),
        "closed_at": "",
        "severity": _severity(table, "misp", event.get("threat_level_id"), defaults),
    }
    status = Status.CLOSED if _text(event.get("analysis")) == "2" else Status.CONFIRMED
    if not victim and not reporter:
        _agency((creator.get("name") if isinstance(creator, dict) else "",), defaults)
    for agency, role in ((victim, Role.VICTIM), (reporter, Role.DETECTOR)):
        if agency:
            yield {**cells, "agency_code": agency, "role": role}, status


# --- what they have in common -----------------------------------------------------------------------------------------


def _common(program: str, table: ExportMap, tags: list[str], defaults: Defaults) -> Cells:
    test = table.is_test(tags)
    category = table.category_of(tags) or ("other" if test else "")
    if not category:
        told = ", ".join(tag for tag in tags if tag) or "-"
        raise RowRefused("row_export_category", value=told)
    return {"category": category, "test": "true" if test else "false", "source_system": defaults.source or program}


def _severity(table: ExportMap, program: str, value: Any, defaults: Defaults) -> str:
    found = table.severity[program].get(_text(value).lower()) or defaults.severity
    if not found:
        raise RowRefused("row_export_severity", value=_text(value) or "-")
    return found


def _agency(names: tuple[Any, ...], defaults: Defaults) -> str:
    """The unit that one of the names or codes is of. Raises RowRefused where none is and none is given for all."""
    found = next(filter(None, map(defaults.unit, names)), "") or defaults.agency
    if not found:
        raise RowRefused("row_export_agency", value=", ".join(filter(None, map(_text, names))) or "-")
    return found


def _tagged(tags: list[str]) -> tuple[str, ...]:
    """What tags of the form `agency:CODE` or `agency="CODE"` say."""
    cut = (re.split(r"[:=]", tag.replace('"', ""), maxsplit=1) for tag in tags)
    return tuple(parts[1].strip() for parts in cut if len(parts) == 2 and parts[0].strip().lower() == "agency")


def _first(item: Object, *names: str) -> str:
    return next((cell(_text(item[name])) for name in names if item.get(name) not in (None, "")), "")


def _milliseconds(item: Object, *names: str) -> datetime:
    """An instant in milliseconds since 1970. Raises RowRefused where there is none."""
    name = next((each for each in names if item.get(each) not in (None, "")), names[0])
    try:
        return datetime.fromtimestamp(int(item[name]) / 1000, UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError) as error:
        raise RowRefused("row_value", column=name, value=item.get(name), wanted="ms since 1970") from error


def _text(value: Any) -> str:
    """A text, number or truth as a cell has it; empty for anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (str, int, float)) else ""


def _is_iris(item: Object) -> bool:
    case = item.get("case")
    return "case_name" in item or (isinstance(case, dict) and ("for_customer" in case or "open_date" in case))


#: The kinds that a file can be of, asked in this order.
EXPORTS = (
    Export("vonggac", lambda item: "incident_id" in item and "occurred_at" in item, _ours),
    Export("misp", lambda item: isinstance(item.get("Event"), dict) or {"threat_level_id", "info"} <= set(item), _misp),
    Export("iris", _is_iris, _iris),
    Export("thehive", lambda item: "startDate" in item and "title" in item and "severity" in item, _thehive),
)
