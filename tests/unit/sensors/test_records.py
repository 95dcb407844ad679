from __future__ import annotations

import io
import json

import pytest

from sensors import records
from sensors.records import json_rows, json_values, lines, parse


def values(data: bytes) -> list[object]:
    return [
        record.value if record.value is not None else record.reason for record in json_rows(lines(io.BytesIO(data)))
    ]


def spread(data: bytes) -> list[object]:
    return [record.value if record.value is not None else record.reason for record in json_values(io.BytesIO(data))]


def test_a_bad_line_does_not_stop_the_next():
    found = list(json_rows(lines(io.BytesIO(b'{"a": 1}\n{"a": \n\n[1]\n{"a": 2}'))))
    assert [(record.line, record.reason) for record in found] == [
        (1, ""),
        (2, "not_json"),
        (4, "not_an_object"),
        (5, ""),
    ]
    assert found[-1].end == 29


def test_marks_line_ends_and_nuls_around_records_are_left_out():
    assert values(b'\xef\xbb\xbf{"a": 1}\r\n\0\0\0{"a": 2}\0\r\n\0\0\n') == [{"a": 1}, {"a": 2}]


def test_what_strict_json_refuses_is_still_used():
    assert values(b'{"a": "\xff\xfe"}') == [{"a": "\ufffd\ufffd"}]
    assert values(b'{"a": NaN, "b": [Infinity]}') == [{"a": None, "b": [None]}]
    assert values(b'{"a": "\\ud800"}') == [{"a": "?"}]
    assert values(b'{"a": 1, "a": 2}') == [{"a": 2}]


def test_a_line_that_is_too_long_is_passed_over(monkeypatch):
    monkeypatch.setattr(records, "MAX_RECORD", 1000)
    assert values(b'{"a": "' + b"x" * 5000 + b'"}\n{"b": 1}\n') == ["record_too_long", {"b": 1}]


@pytest.mark.parametrize("depth", [65, 900, 100_000])
def test_deep_nesting_is_refused(depth):
    value, reason = parse(b'{"a":' * depth + b"1" + b"}" * depth)
    assert value is None
    assert reason in ("record_too_deep", "not_json")
    assert parse(b'{"a":' * 60 + b"1" + b"}" * 60)[0] is not None


OBJECTS = [{"a": 1, "b": {"c": '}{\\"'}}, {"d": []}, {"e": "[,]"}]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(OBJECTS, indent=2),
        json.dumps(OBJECTS),
        "\n".join(json.dumps(each, indent=1) for each in OBJECTS),
        "\n".join(f"Record {n}\n{json.dumps(each, indent=2)}" for n, each in enumerate(OBJECTS)),
        "".join(json.dumps(each) for each in OBJECTS),
    ],
    ids=["array", "array on a line", "one after another", "evtx_dump", "joined"],
)
def test_objects_over_many_lines_are_found(text):
    assert spread(text.encode()) == OBJECTS


def test_an_object_that_breaks_off_is_told():
    assert spread(b'[{"a": 1},\n{"b": ') == [{"a": 1}, "record_cut"]


def test_text_between_objects_is_told():
    assert spread(b'{"a": 1}\nhello\n{"b": 2}') == [{"a": 1}, "not_json", {"b": 2}]
