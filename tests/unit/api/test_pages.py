"""Words, pictures and assets, apart from any request."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path

import pytest

from api.pages.evidence import table, telling
from api.pages.stats import BARS, Row, chart
from api.pages.words import defang, visible, when

API = Path(__file__).resolve().parents[3] / "api"
STATIC = API / "static"
TEMPLATES = sorted((API / "templates").glob("*.html"))


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("evil.example", "evil[.]example"),
        ("http://evil.example/a.b?c=d.e", "hxxp://evil[.]example/a.b?c=d.e"),
        ("HTTPS://evil.example", "HxxPS://evil[.]example"),
        ("203.0.113.66", "203.0.113.66"),
        ("http://203.0.113.66/x", "hxxp://203.0.113.66/x"),
        ("2001:db8::1", "2001:db8::1"),
        ("", ""),
    ],
)
def test_names_and_addresses_of_pages_are_defanged_and_ip_addresses_are_not(given: str, shown: str) -> None:
    assert defang(given) == shown


def test_times_are_vietnams() -> None:
    assert when("2026-11-21T17:30:05Z") == "22/11/2026 00:30"
    assert when("2026-11-21T17:30:05Z", True) == "22/11/2026 00:30:05"
    assert when(None) == when("") == "–"


def test_what_cannot_be_seen_is_written_out() -> None:
    assert visible("a\x1b[31mb\u202ec\ufeff\x9b") == "a\\u001b[31mb\\u202ec\\ufeff\\u009b"
    assert visible("Sự cố\n\t") == "Sự cố\n\t"


def test_bars_stand_on_one_scale_that_begins_at_zero() -> None:
    drawn = chart([Row("k", "a", 10, 5, ""), Row("k", "b", 0, 20, "")])
    a, b = drawn.bars
    assert b.previous_length == 2 * a.current_length == 4 * a.previous_length
    assert b.current_length == 0


def test_a_picture_of_nothing_and_of_too_much_is_still_one() -> None:
    assert chart([]).bars == ()
    assert chart([Row("k", "a", 0, 0, "")]).bars[0].current_length == 0
    many = chart([Row("k", str(number), 1, 1, "") for number in range(BARS + 3)])
    assert (len(many.bars), many.hidden) == (BARS, 3)


def test_every_leaf_of_an_event_stands_in_its_table() -> None:
    event = {"a": {"b": [1, 2], "c": [{"d": True}, {"d": None}]}, "e.f": "x", "g": []}
    assert list(table(event)) == [
        ("a.b", "1, 2"),
        ("a.c[0].d", "True"),
        ("a.c[1].d", "None"),
        ("e.f", "x"),
        ("g", ""),
    ]


def test_an_event_tells_what_it_was() -> None:
    dns = {"event": {"dataset": "dns"}, "dns": {"question": {"name": "a.example", "type": "TXT"}, "resolved_ip": []}}
    assert telling(dns) == "TXT a[.]example"
    http = {"event": {"dataset": "http"}, "url": {"full": "http://a.example/" + "b" * 500}}
    assert len(telling(http)) < 220
    assert telling({"event": {"dataset": "unheard-of"}}) == ""


# --- assets and templates


def test_what_is_vendored_is_listed_with_its_version_and_digest() -> None:
    listed = json.loads((STATIC / "vendor" / "vendored.json").read_text())
    files = {f"{pack['folder']}/{name}": digest for pack in listed for name, digest in pack["files"].items()}
    there = {
        path.relative_to(STATIC / "vendor").as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in (STATIC / "vendor").rglob("*")
        if path.is_file() and path.name != "vendored.json"
    }
    assert files == there
    assert all(pack["package"] and pack["version"] and pack["license"] for pack in listed)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_turns_escaping_off_or_writes_script_or_style_inline(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"\|\s*safe|autoescape|Markup", text)
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text, re.IGNORECASE)
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//", text)


@pytest.mark.parametrize("name", ["console.css", "console.js", "docs.js"])
def test_our_assets_ask_no_other_host_and_stay_readable(name: str) -> None:
    text = (STATIC / name).read_text("utf-8")
    assert not re.search(r"https?://|@import", text)
    assert not re.search(r"innerHTML|eval\(|document\.write", text)
    assert len(text.splitlines()) < {"console.css": 500, "console.js": 300, "docs.js": 50}[name]


def test_colours_of_text_stand_out_from_what_is_behind_them() -> None:
    """WCAG 2.2 §1.4.3: 4.5 to 1, in light and dark."""
    css = (STATIC / "console.css").read_text("utf-8")
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
        for block in re.findall(r":root \{(.+?)\n *\}", css, re.DOTALL)[:2]
    )
    for colours in (light, {**light, **dark}):
        for ink in ("ink", "dim", "accent", "low", "medium", "high"):
            for behind in ("page", "card", "soft"):
                assert contrast(colours[ink], colours[behind]) >= 4.5, (ink, behind, colours[ink])
        assert contrast(colours["on-accent"], colours["accent"]) >= 4.5
        assert contrast(colours["on-accent"], colours["critical"]) >= 4.5


def contrast(one: str, other: str) -> float:
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """WCAG's relative luminance of `#rrggbb`."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
