"""Whatever is wrong with an input, a setting or the machine: a sentence in both languages with what, where and what to
do, the exit code of docs/cli.md, everything else processed, and never a traceback."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.program import explained, must, vonggac
from tests.real.parts import lacking

SITE = "tinh-mau-a"


@pytest.fixture
def capture(made_day: dict[str, Path]) -> Path:
    return made_day[SITE]


@pytest.fixture(scope="module")
def good_events(made_day: dict[str, Path]) -> bytes:
    """What `sense` says of the good capture alone."""
    return must("--quiet", "sense", made_day[SITE]).out


# --- inputs


def test_sense_says_the_same_bytes_each_time(capture: Path, good_events: bytes) -> None:
    assert must("--quiet", "sense", capture).out == good_events
    assert len(good_events.splitlines()) > 1_000


def test_a_truncated_capture_gives_what_came_before_the_break_and_names_it(capture: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(capture.read_bytes()[:100_001])
    head = tmp_path / "dau.pcap"
    head.write_bytes(capture.read_bytes()[:4])
    done = vonggac("--quiet", "sense", cut, head)
    assert done.code == 1
    assert len(done.items) > 50
    explained(done, str(cut))
    explained(done, str(head), " 0: ")
    assert "copy it again" in done.err


def test_a_compressed_capture_that_is_cut_gives_what_came_before(capture: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap.gz"
    packed = gzip.compress(capture.read_bytes())
    cut.write_bytes(packed[: len(packed) // 2])
    done = vonggac("--quiet", "sense", cut)
    assert done.code == 1
    assert len(done.items) > 50
    explained(done, str(cut))


@pytest.mark.parametrize("content", [b"", b"what is this\n", bytes(range(256)) * 8, b"{\n", b"[]"])
def test_an_input_of_no_known_kind_is_named_and_the_good_one_beside_it_is_read(
    capture: Path, good_events: bytes, tmp_path: Path, content: bytes
) -> None:
    unknown = tmp_path / "la.bin"
    unknown.write_bytes(content)
    done = vonggac("--quiet", "sense", unknown, capture)
    assert done.code == 3
    assert done.out == good_events
    explained(done, str(unknown))


def test_a_missing_input_is_named_and_the_good_one_beside_it_is_read(capture: Path, good_events: bytes) -> None:
    done = vonggac("--quiet", "sense", "khong-co.pcap", capture)
    assert done.code == 3
    assert done.out == good_events
    explained(done, "khong-co.pcap", "iface:")


def test_one_language_when_one_is_asked_for() -> None:
    done = vonggac("--lang", "vi", "sense", "khong-co.pcap")
    assert done.code == 3
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith("Không có đầu vào khong-co.pcap")


def test_an_input_that_may_not_be_read_is_named(capture: Path, tmp_path: Path) -> None:
    closed = tmp_path / "dong.pcap"
    shutil.copy(capture, closed)
    closed.chmod(0)
    done = vonggac("--quiet", "sense", closed, capture, before=without_override())
    assert done.code == 3
    assert len(done.items) > 1_000
    explained(done, str(closed))


def test_lines_that_are_no_records_are_each_named_and_the_others_are_read(tmp_path: Path) -> None:
    log = tmp_path / "su-kien.ndjson"
    good = {"@timestamp": "2026-11-20T01:00:00Z", "source": {"ip": "192.0.2.1"}, "event": {"dataset": "flow"}}
    log.write_text("\n".join([json.dumps(good), "{broken", json.dumps(good | {"n": 2}), "[1]", '{"a": 1}']) + "\n")
    done = vonggac("--quiet", "sense", log)
    assert done.code == 1
    assert len(done.items) == 2
    for line in ("2", "4", "5"):
        explained(done, str(log), f" {line}: ")


# --- rules and indicators


def test_a_broken_rule_is_named_with_its_line_and_the_good_ones_still_fire(capture: Path, tmp_path: Path) -> None:
    rules = tmp_path / "luat"
    shutil.copytree(Path(__file__).resolve().parents[2] / "rules", rules, ignore=shutil.ignore_patterns("*.py", "*.md"))
    (rules / "hong.yml").write_text("title: x\n  bad: [\n")
    done = vonggac("--quiet", "detect", "--rules", rules, capture)
    assert done.code == 1
    assert len(done.items) > 0
    explained(done, str(rules / "hong.yml"), " 2:")
    checked = vonggac("--quiet", "rules", "check", rules)
    assert checked.code == 1
    statuses = {item["path"]: item["status"] for item in checked.items}
    assert statuses.pop(str(rules / "hong.yml")) == "invalid"
    assert set(statuses.values()) == {"ok"}


@pytest.mark.parametrize(
    "content",
    [
        b"\x00\xff\xfe binary",
        b"title: only\n",
        b"title: t\nid: not-a-uuid\nlogsource: {category: dns}\ndetection: {s: {a: 1}, condition: s and}\n",
        b"- a\n- b\n",
        b"title: &a x\nb: *a\n",
        b"title: [" + b"[" * 5_000,
    ],
)
def test_whatever_stands_in_a_rule_file_it_is_named(capture: Path, tmp_path: Path, content: bytes) -> None:
    broken = tmp_path / "hong.yml"
    broken.write_bytes(content)
    done = vonggac("--quiet", "detect", "--rules", broken, capture)
    assert done.code == 1
    explained(done, str(broken))


@pytest.mark.parametrize(
    "content",
    [
        b'{"type": "bundle", "id": "bundle--1", "objects": [{"type": "indicator", ',
        b'{"type": "bundle", "objects": [{"type": "indicator", "id": "indicator--x", "pattern": "[[[", '
        b'"pattern_type": "stix", "created": "2026-01-01T00:00:00Z", "modified": "2026-01-01T00:00:00Z", '
        b'"valid_from": "2026-01-01T00:00:00Z"}]}',
        b"\xff\xfe\x00binary",
    ],
)
def test_broken_indicators_are_named_and_the_rules_still_fire(capture: Path, tmp_path: Path, content: bytes) -> None:
    broken = tmp_path / "hong.json"
    broken.write_bytes(content)
    done = vonggac("--quiet", "detect", "--indicators", broken, capture)
    assert done.code == 1
    assert len(done.items) > 0
    explained(done, str(broken))


def test_a_broken_bundle_is_not_imported_and_said_to_be_broken(tmp_path: Path) -> None:
    broken = tmp_path / "goi.json"
    broken.write_text('{"type": "bundle", "objects": [')
    done = vonggac("--data-dir", tmp_path / "kho", "share", "import", broken)
    assert done.code == 3
    explained(done, str(broken))


def test_of_a_bundle_the_good_objects_are_taken_and_the_others_named(tmp_path: Path) -> None:
    stamp = {"created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z"}
    name = "indicator--00000000-0000-4000-8000-00000000000"
    good = {
        "type": "indicator",
        "spec_version": "2.1",
        "pattern_type": "stix",
        "valid_from": stamp["created"],
        "pattern": "[ipv4-addr:value = '192.0.2.1']",
        **stamp,
    }
    objects = [{**good, "id": f"{name}1"}, {**good, "id": f"{name}2", "pattern": "[[["}, {"type": "indicator"}, 7]
    bundle = tmp_path / "goi.json"
    bundle.write_text(json.dumps({"type": "bundle", "id": "bundle--1", "objects": objects}))
    done = vonggac("--data-dir", tmp_path / "kho", "share", "import", bundle)
    assert done.code == 1
    assert (done.item["taken"], done.item["indicators"], done.item["refused"]) == (4, 1, 3)
    explained(done, f"{name}2")


# --- stores and the machine


@pytest.mark.parametrize("call", [("ingest", "{capture}"), ("incident", "list"), ("serve",), ("demo", "--once")])
def test_a_store_that_does_not_answer_is_named(capture: Path, tmp_path: Path, call: tuple[str, ...]) -> None:
    given = [part.format(capture=capture) for part in call]
    done = vonggac("--store", "http://127.0.0.1:1", "--data-dir", tmp_path / "kho", *given)
    assert done.code == 4
    assert done.out == b""
    explained(done, "http://127.0.0.1:1")


@pytest.mark.parametrize("call", [("ingest", "{capture}"), ("incident", "list"), ("serve",), ("demo", "--once")])
def test_a_data_dir_that_is_a_file_is_named(capture: Path, tmp_path: Path, call: tuple[str, ...]) -> None:
    (tmp_path / "tep").write_text("not a folder")
    done = vonggac("--data-dir", tmp_path / "tep", *(part.format(capture=capture) for part in call))
    assert done.code == 4
    explained(done, str(tmp_path / "tep"), "--data-dir")


def test_a_data_dir_that_may_not_be_written_is_named(capture: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cua-nguoi-khac"
    folder.mkdir()
    folder.chmod(0o500)
    done = vonggac("--data-dir", folder / "kho", "ingest", capture, before=without_override())
    assert done.code == 4
    explained(done, str(folder))
    done = vonggac("sensor", capture, "--to", folder / "dem", before=without_override())
    assert done.code == 4
    explained(done, str(folder))


def test_a_store_that_may_only_be_read_is_named(capture: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kho"
    must("--data-dir", folder, "incident", "list")
    for path in (*folder.rglob("*"), folder):
        path.chmod(0o500 if path.is_dir() else 0o400)
    done = vonggac("--data-dir", folder, "ingest", capture, before=without_override())
    assert done.code == 4
    explained(done, str(folder))


def test_a_database_of_somebody_else_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "kho"
    folder.mkdir()
    (folder / "vonggac.db").write_bytes(b"this is no database at all, " * 400)
    done = vonggac("--data-dir", folder, "incident", "list")
    assert done.code == 4
    explained(done, str(folder / "vonggac.db"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 40 MB of its own."""
    folder = tmp_path / "dia-nho"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=40m", "vonggac-test", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        lacking(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_named_and_after_making_room_the_same_call_finishes(
    made_day: dict[str, Path], small_disk: Path
) -> None:
    captures = list(made_day.values())
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(38_000_000))  # enough is left to begin, not to end
    done = vonggac("--data-dir", small_disk / "kho", "ingest", *captures)
    assert done.code == 4
    explained(done, str(small_disk / "kho"))
    ballast.unlink()
    again = must("--data-dir", small_disk / "kho", "ingest", *captures).item
    assert again["events"] + again["duplicates"] > 7_000


def test_a_filter_without_an_interface_is_refused(made_day: dict[str, Path], tmp_path: Path) -> None:
    done = vonggac("sense", made_day[SITE], "--filter", "udp")
    assert done.code == 2
    explained(done, "--filter", "iface:")


def test_a_spool_on_a_full_disk_is_named(made_day: dict[str, Path], small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(40 * 1024 * 1024 - 40_960))
    done = vonggac("sensor", made_day[SITE], "--to", small_disk / "dem")
    assert done.code == 4
    explained(done, str(small_disk / "dem"))


@pytest.mark.parametrize("call", [("serve",), ("demo", "--once"), ("demo",)])
def test_a_port_that_is_taken_is_named(tmp_path: Path, call: tuple[str, ...]) -> None:
    data = tmp_path / "kho"
    must("--data-dir", data, "user", "add", "a", "--role", "admin", "--password-stdin", stdin="mat-khau-dai-12\n")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = vonggac("--data-dir", data, *call, "--port", port)
    assert done.code == 2
    assert done.out == b""
    explained(done, str(port), "--port")


# --- settings


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SERVE_PORT", "abc"),
        ("SERVE_INSECURE", "maybe"),
        ("FEEDS_PULL_MINUTES", "0"),
        ("INTAKE_POLL_SECONDS", "-1"),
        ("RETENTION_DAYS", "nan"),
        ("LANG", "fr"),
        ("STORE_URL", "ftp://127.0.0.1"),
    ],
)
def test_a_bad_setting_is_named_with_its_value_and_where_it_came_from(
    tmp_path: Path, variable: str, value: str
) -> None:
    done = vonggac("--data-dir", tmp_path / "kho", "incident", "list", env={f"VONGGAC_{variable}": value})
    assert done.code == 2
    explained(done, value, f"VONGGAC_{variable}")


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        (b"x = [", "TOML"),
        (b"\xff\xfe", "TOML"),
        (b'[store]\nurll = "x"\n', "store.urll"),
        (b'[serve]\nport = "a"\n', "serve.port"),
        (b"[serve]\nport = [1]\n", "serve.port"),
        (None, "--config"),
    ],
)
def test_a_bad_configuration_file_is_named(tmp_path: Path, content: bytes | None, fact: str) -> None:
    path = tmp_path / "cau-hinh.toml"
    if content is not None:
        path.write_bytes(content)
    done = vonggac("--config", path, "--data-dir", tmp_path / "kho", "incident", "list")
    assert done.code == 2
    explained(done, str(path), fact)


@pytest.mark.parametrize("call", [("incident", "import"), ("agency", "import")])
@pytest.mark.parametrize("content", [None, b"", b"a,b\n1,2\n", b"\xff\xfe\x00", b"code,name,level\n" + b"x" * 200_000])
def test_a_table_that_cannot_be_loaded_is_named(tmp_path: Path, call: tuple[str, ...], content: bytes | None) -> None:
    table = tmp_path / "bang.csv"
    if content is not None:
        table.write_bytes(content)
    done = vonggac("--data-dir", tmp_path / "kho", *call, table)
    assert done.code in (1, 3)
    explained(done, str(table))


def without_override() -> tuple[str, ...]:
    """What runs a command with the rights that a file's mode gives, also for root."""
    if os.geteuid() != 0:
        return ()
    if shutil.which("setpriv") is None:
        lacking("root passes over permissions and there is no setpriv (util-linux) to leave that right")
    return ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


def test_whatever_a_peer_puts_into_an_object_it_is_refused_by_itself(tmp_path: Path) -> None:
    ours = "extension-definition--6f0a1e0c-5d3a-5b43-9d57-0a3a8f6c2b11"
    bad: list[dict[str, object]] = [
        {"extensions": 7},
        {"extensions": {ours: {"involvements": [7]}}},
        {"extensions": {ours: {"involvements": [{"agency": "VN", "role": "king"}]}}},
        {"extensions": {ours: {"first_at": "yesterday"}}},
        {"extensions": {ours: {"category": {"a": 1}, "first_at": [1]}}},
        {"external_references": "x"},
        {"object_marking_refs": 7},
        {"granular_markings": [1]},
        {"created": "2026-99-99T00:00:00Z"},
        {"name": ""},
        {"id": "incident--"},
    ]
    objects = [
        {
            "type": "incident",
            "spec_version": "2.1",
            "id": f"incident--00000000-0000-4000-8000-{number:012}",
            "created": "2026-01-01T00:00:00.000Z",
            "modified": "2026-01-01T00:00:00.000Z",
            "name": "Sự cố",
            **change,
        }
        for number, change in enumerate([*bad, {}])
    ]
    bundle = tmp_path / "goi.json"
    bundle.write_text(json.dumps({"type": "bundle", "id": "bundle--1", "objects": objects}))
    done = vonggac("--data-dir", tmp_path / "kho", "share", "import", bundle)
    assert "Traceback" not in done.err, done.err
    assert done.code == 1
    assert done.item["incidents"] + done.item["refused"] == len(objects)
    assert done.item["refused"] >= len(bad) - 1
    kept = must("--data-dir", tmp_path / "kho", "incident", "list").items
    assert len(kept) == done.item["incidents"]


def test_a_sensor_does_not_send_its_token_in_clear(tmp_path: Path) -> None:
    capture = tmp_path / "x.pcap"
    capture.write_bytes(b"")
    done = vonggac("--data-dir", tmp_path / "kho", "sensor", capture, "--to", "http://node.example:8000")
    assert done.code == 2
    explained(done, "http://node.example:8000", "--insecure")
