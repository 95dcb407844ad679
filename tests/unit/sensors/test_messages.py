"""Every error and every reason of a refusal that the sensors can give has its sentence in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vonggac.messages import LANGUAGES, catalogue

SOURCES = [path.read_text("utf-8") for path in (Path(__file__).parents[3] / "sensors").rglob("*.py")]
ERRORS = {
    key
    for source in SOURCES
    for key in re.findall(r"(?:ReadError|UnknownInput|UsageRefused|StoreUnavailable)\(\s*\"(\w+)\"", source)
}
READ_ERRORS = {key for source in SOURCES for key in re.findall(r"ReadError\(\s*\"(\w+)\"", source)}
REASONS = {
    "frame_damaged", "input_missing", "input_unknown_kind", "no_fields_line", "no_time", "not_an_event",
    "not_an_object", "not_json", "record_cut", "record_too_deep", "record_too_long", "wrong_columns",
}  # fmt: skip


@pytest.mark.parametrize("lang", LANGUAGES)
def test_nothing_is_left_without_words(lang):
    known = catalogue(lang)
    assert len(ERRORS) >= 12
    assert {key for key in ERRORS if f"error.{key}" not in known} == set()
    assert {key for key in READ_ERRORS | REASONS if f"refused.{key}" not in known} == set()
