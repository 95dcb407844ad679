"""What is found in an event's text is what its document says: its log source, and the document itself."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import orjson
import pytest

from correlator.compiled import compiled_loops
from correlator.loops import tokens as plain
from correlator.loops.tokens import CLOSED, DEPTH, TOKEN_AT, TOKEN_END, TOKEN_KIND
from correlator.sifting.batch import ROOM, Batch, Reader, Tracer
from correlator.sigma.taxonomy import origin_of
from vonggac.lines import Lines

PATHS = (
    *("event.dataset", "event.module", "event.category", "event.type", "event.code", "event.x"),
    *("winlog.channel", "winlog.event_id", "winlog.provider_name", "winlog.event_data.OperationType"),
    *("Event.System.EventID", "Event.System.Channel", "Event.EventData.OperationType"),
    *("Event.System.EventID.#text", "Event.System.Provider.#attributes.Name"),
    *("EventID", "Channel", "Provider_Name", "SourceName", "OperationType", "c-uri", "TargetObject"),
    *("logsource.category", "logsource.product", "logsource.service", "host.os.type", "host.os.family"),
    *("process.name", "log.syslog.appname", "program", "appname", "ident", "SYSLOG_IDENTIFIER"),
    *("vonggac.zeek.smb_files.uid", "vonggac.zeek.smb_mapping.uid", "f.g"),
)
#: Events of every shape, whose one value or name makes the difference.
SHAPES: tuple[dict[str, Any], ...] = (
    {"event.dataset": "dns", "f.g": 1},
    {"event.dataset": "smb", "event.module": "zeek", "vonggac.zeek.smb_files.uid": "C1"},
    {"event.dataset": "windows.sysmon", "EventID": 1, "Channel": "Microsoft-Windows-Sysmon/Operational"},
    {"event.dataset": "windows.security", "EventID": 4657, "Channel": "Security", "OperationType": "%%1904"},
    {"winlog.event_id": "4657", "winlog.channel": "Security", "winlog.event_data.OperationType": "%%1904"},
    {"winlog.event_id": 1, "winlog.provider_name": "Microsoft-Windows-Sysmon"},
    {"Event.System.EventID": 4657, "Event.System.Channel": "Security", "Event.EventData.OperationType": "%%1904"},
    {"Event.System.EventID.#text": "1", "Event.System.Provider.#attributes.Name": "Microsoft-Windows-Sysmon"},
    {"event.category": ["process"], "event.type": ["start"], "host.os.type": "linux", "process.name": "sshd"},
    {"event.dataset": "record", "logsource.category": "proxy", "logsource.product": "x"},
    {"event.dataset": "system.auth", "program": "sudo"},
    {"event.dataset": "record", "c-uri": "/x"},
    {"EventID": 13, "Provider_Name": "Microsoft-Windows-Sysmon"},
    {"EventID": 4657, "SourceName": "Microsoft-Windows-Security-Auditing", "OperationType": "%%1904"},
    {"event.dataset": "smb", "event.module": "zeek", "vonggac.zeek.smb_mapping.uid": "C1"},
)
VALUES: tuple[Any, ...] = (
    ...,  # the path is not there
    *("dns", "smb", "zeek", "windows.sysmon", "Security", "Microsoft-Windows-Sysmon/Operational", "", "record"),
    *("Microsoft-Windows-Security-Auditing", "%%1905", "linux", "windows", "sshd", "sudo", "cron", "network"),
    *(1, 22, 4657, "4657", "13", None, True, ["network"], ["start", "end"], "proxy", "process_creation", {}),
)


def _document(parts: dict[str, Any], dotted: frozenset[str]) -> dict[str, Any]:
    """Each path nested, or as one name with dots."""
    made: dict[str, Any] = {}
    for path, value in parts.items():
        if path in dotted:
            made[path] = value
            continue
        here: Any = made
        *above, name = path.split(".")
        for each in above:
            here = here.setdefault(each, {}) if isinstance(here, dict) else {}
        if isinstance(here, dict):
            here[name] = value
    return made


def _variants(shape: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The event with each path changed to each value, nested and not."""
    for path, value, dotted in product(PATHS, VALUES, (False, True)):
        changed = {name: held for name, held in shape.items() if name != path}
        if value is not ...:
            changed[path] = value
        yield _document(changed, frozenset({path}) if dotted else frozenset())


def _keys(batch: Batch) -> list[bytes]:
    loops, tracer = compiled_loops(), Tracer()
    return [key for stretch in Reader().stretches(loops, batch) for key in tracer.keys(loops, stretch)]


def test_events_of_one_key_are_of_one_log_source():
    events = [event for shape in SHAPES for event in _variants(shape)]
    known: dict[bytes, Any] = {}
    for key, event in zip(_keys(Batch(events)), events, strict=True):
        assert key
        assert known.setdefault(key, origin_of(event)) == origin_of(event), event
    assert len(set(known.values())) > 100


def test_events_that_differ_in_other_values_have_one_key():
    events = [{"event": {"dataset": "dns"}, "f": number, "g": {"h": [number]}} for number in range(3)]
    assert len(set(_keys(Batch(events)))) == 1


def test_a_long_value_that_tells_of_the_source_gives_no_key():
    assert _keys(Batch([{"event": {"dataset": "x" * 1_000}}, {"event": {"dataset": "x"}}]))[0] == b""


def test_lines_and_documents_are_read_alike():
    events = [{"f": 'a"\\\n', "g": [1, [2, {"h": None}], {}, []]}, {}, {"é": "ư"}]
    lines = Lines([orjson.dumps(event) for event in events], 3)
    assert [Batch(lines).document(at) for at in range(3)] == events == [Batch(events).document(at) for at in range(3)]
    assert _keys(Batch(lines)) == _keys(Batch(events))


def test_what_is_too_deep_too_large_or_no_json_comes_unread_between_others():
    deep: Any = 1
    for _ in range(DEPTH):
        deep = [deep]
    events = [{"f": 1}, {"f": deep}, {"f": list(range(ROOM))}, {"f": "\ud800"}, {"f": 1}]
    batch = Batch(events)
    stretches = list(Reader().stretches(compiled_loops(), batch))
    read = {at: stretch.is_read(at) for stretch in stretches for at in range(stretch.first, stretch.end)}
    assert read == {0: True, 1: False, 2: False, 3: False, 4: True}


@pytest.mark.parametrize(
    "text", ["}", "]]", '{"f":"a', '{"f":"\\', '{"f":"\\u00', '{"f', '{"f":', '{"f":[1,2', "x", '"', ","]
)
def test_text_that_is_no_json_is_not_left(text: str):
    batch = Batch(Lines([b'{"a":1}', text.encode(), b'{"b":2}'], 3))
    tokens = [
        (stretch.is_read(at), stretch.tokens[stretch.firsts[at] : stretch.firsts[at + 1]])
        for stretch in Reader().stretches(plain, batch)
        for at in range(stretch.first, stretch.end)
    ]
    assert [read for read, _ in tokens][::2] == [True, True]
    begin, end = int(batch.ends[0]), int(batch.ends[1])
    for row in tokens[1][1].tolist():
        assert row[TOKEN_KIND] == CLOSED or begin < row[TOKEN_AT] <= row[TOKEN_END] <= end
