"""Real servers on this machine, asked as any other."""

from __future__ import annotations

import socket
import ssl
import time
from errno import ECONNRESET, EHOSTUNREACH, EMFILE, ENETUNREACH
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.decode.x509 import decode_certificate
from sensors.probing.answer import Answer, Door, Result, Step, result_of
from sensors.probing.ask import Deadline, ask, connected, trusting, wire_name
from tests.unit.sensors.probing import servers
from vonggac.errors import UsageRefused

HERE = "127.0.0.1"


@pytest.fixture(scope="module")
def trust(keys: Path) -> ssl.SSLContext:
    return trusting(str(keys / "ca.pem"))


def end(answer: Answer) -> tuple[str, str]:
    return str(answer.step), str(answer.result)


# --- over TLS


def test_a_server_whose_certificate_is_good_answers(trust: ssl.SSLContext, keys: Path) -> None:
    with servers.serving(servers.status(200), keys / "good") as server:
        answer = ask(HERE, trust, 20, (server.https,))
    assert end(answer) == ("http", "answered")
    assert (answer.status, answer.http_version, answer.tls_version, answer.error) == (200, "1.1", "1.3", "")
    assert (answer.ip, answer.addresses) == (HERE, (HERE,))
    assert "CN=cổng" in decode_certificate(answer.certificate).subject
    assert 0 < answer.took_ns < 20e9


@pytest.mark.parametrize(
    ("name", "reason"),
    [("expired", "expired"), ("other", "mismatch"), ("own", "self-signed")],
)
def test_a_certificate_that_is_not_accepted_is_a_failure_and_is_shown(
    trust: ssl.SSLContext, keys: Path, name: str, reason: str
) -> None:
    with servers.serving(servers.status(200), keys / name) as server:
        answer = ask(HERE, trust, 20, (server.https,))
    assert end(answer) == ("tls", "certificate")
    assert reason in answer.error
    assert decode_certificate(answer.certificate).not_after
    assert answer.status == 0


def test_an_authority_that_nobody_named_is_not_trusted(keys: Path) -> None:
    with servers.serving(servers.status(200), keys / "good") as server:
        assert end(ask(HERE, trusting(), 20, (server.https,))) == ("tls", "certificate")


def test_a_server_without_tls_at_the_door_of_https_is_told_from_a_silent_one(trust: ssl.SSLContext) -> None:
    with servers.serving(servers.floods) as server:
        answer = ask(HERE, trust, 20, (server.https,))
    assert end(answer) == ("tls", "tls-error")
    assert answer.error


def test_a_server_that_hangs_up_is_closed_before_and_behind_the_handshake(trust: ssl.SSLContext, keys: Path) -> None:
    with servers.serving(servers.hangs_up) as server:
        assert end(ask(HERE, trust, 20, (server.https,))) == ("tls", "closed")
    with servers.serving(servers.hangs_up, keys / "good") as server:
        assert end(ask(HERE, trust, 20, (server.https,))) == ("http", "closed")


def test_a_connection_that_is_reset_is_closed(trust: ssl.SSLContext) -> None:
    with servers.serving(servers.resets) as server:
        assert ask(HERE, trust, 20, (server.https,)).result is Result.CLOSED
        assert ask(HERE, trust, 20, (server.http,)).result is Result.CLOSED


# --- HTTP


@pytest.mark.parametrize(
    ("code", "result"),
    [(200, "answered"), (302, "answered"), (404, "answered"), (499, "answered"), (500, "server-error"),
     (503, "server-error")],
)  # fmt: skip
def test_an_answer_counts_by_its_status(trust: ssl.SSLContext, code: int, result: str) -> None:
    with servers.serving(servers.status(code)) as server:
        answer = ask(HERE, trust, 20, (server.http,))
    assert (*end(answer), answer.status) == ("http", result, code)
    assert bool(answer.error) is (code >= 500)


def test_a_redirect_is_not_followed(trust: ssl.SSLContext) -> None:
    with servers.serving(servers.status(301)) as server:
        answer = ask(HERE, trust, 20, (server.http,))
        assert server.taken == 1
    assert (answer.status, answer.result) == (301, Result.ANSWERED)


@pytest.mark.parametrize("said", [b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 20 OK\r\n", b"HTTP/1.1 2000 OK\r\n", b"x"])
def test_what_is_not_http_is_named(trust: ssl.SSLContext, said: bytes) -> None:
    with servers.serving(servers.says(said)) as server:
        answer = ask(HERE, trust, 20, (server.http,))
    assert (*end(answer), answer.status) == ("http", "not-http", 0)


def test_a_flood_is_read_to_its_bound_and_left(trust: ssl.SSLContext) -> None:
    with servers.serving(servers.floods) as server:
        assert end(ask(HERE, trust, 20, (server.http,))) == ("http", "not-http")


def test_a_status_line_alone_is_an_answer(trust: ssl.SSLContext) -> None:
    with servers.serving(servers.says(b"HTTP/1.0 204\r\n")) as server:
        answer = ask(HERE, trust, 20, (server.http,))
    assert (answer.http_version, answer.status, answer.result) == ("1.0", 204, Result.ANSWERED)


# --- time


@pytest.mark.parametrize("deed", [servers.never_answers, servers.drips])
def test_a_server_that_does_not_come_to_an_end_takes_no_more_than_the_time(
    trust: ssl.SSLContext, deed: servers.Deed
) -> None:
    began = time.monotonic()
    with servers.serving(deed) as server:
        answer = ask(HERE, trust, 0.4, (server.http,))
    assert end(answer) == ("http", "timeout")
    assert answer.error == "no answer within 0.4 s"
    assert 0.4 <= answer.took_ns / 1e9 <= time.monotonic() - began < 10


def test_a_handshake_that_does_not_go_on_takes_no_more_than_the_time(trust: ssl.SSLContext) -> None:
    with servers.serving(servers.never_answers) as server:
        assert end(ask(HERE, trust, 0.4, (server.https,))) == ("tls", "timeout")


# --- doors


def test_where_nobody_listens_for_https_http_is_asked(trust: ssl.SSLContext) -> None:
    with servers.nobody() as port, servers.serving(servers.status(200)) as server:
        answer = ask(HERE, trust, 20, (Door("https", port), server.http))
    assert (answer.door, answer.result, answer.certificate) == (server.http, Result.ANSWERED, b"")


def test_where_nobody_listens_at_all_it_is_refused(trust: ssl.SSLContext) -> None:
    with servers.nobody() as first, servers.nobody() as second:
        answer = ask(HERE, trust, 20, (Door("https", first), Door("http", second)))
    assert (*end(answer), answer.door.port, answer.ip) == ("connect", "refused", second, HERE)


def test_an_https_that_fails_is_not_hidden_by_an_http_that_answers(trust: ssl.SSLContext, keys: Path) -> None:
    with (
        servers.serving(servers.status(200), keys / "expired") as first,
        servers.serving(servers.status(200)) as second,
    ):
        answer = ask(HERE, trust, 20, (first.https, second.http))
        assert second.taken == 0
    assert answer.result is Result.CERTIFICATE


@pytest.mark.parametrize("listening", [0, 1, 2])
def test_of_several_addresses_the_first_at_which_somebody_listens_is_asked(
    trust: ssl.SSLContext, listening: int
) -> None:
    answer = Answer("cong.example", Door("http", 80))
    with servers.serving(servers.status(200)) as server, servers.nobody() as first, servers.nobody() as second:
        ports = [first, second]
        ports.insert(listening, server.port)
        places = [(socket.AF_INET, (HERE, port)) for port in ports]
        link, place = connected(places, answer, Deadline(20))
        link.close()
    assert place == places[listening]


def test_of_several_addresses_that_fail_the_first_is_told(trust: ssl.SSLContext) -> None:
    answer = Answer("cong.example", Door("http", 80))
    with servers.nobody() as port:
        places = [(socket.AF_INET, (HERE, port)), (socket.AF_INET, ("255.255.255.255", port))]
        with pytest.raises(ConnectionRefusedError):
            connected(places, answer, Deadline(20))
    assert answer.ip == HERE


# --- names


def test_a_name_that_does_not_exist_ends_at_the_dns(trust: ssl.SSLContext) -> None:
    answer = ask("cong.invalid", trust, 5)
    assert answer.step is Step.DNS
    # RFC 6761 §6.4 says that there is none; on a machine without a name server nobody says so.
    assert answer.result in (Result.NO_SUCH_NAME, Result.NAME_SERVER, Result.TIMEOUT)
    assert answer.error
    assert answer.addresses == ()


@pytest.mark.parametrize(
    "domain",
    ["a..b", "-a.vn", "a b.vn", "a.vn/x", "a.vn:80", "x\r\ny", "a" * 64, ".".join(["ab"] * 90), ""],
)
def test_what_cannot_be_a_name_is_not_looked_up(trust: ssl.SSLContext, domain: str) -> None:
    answer = ask(domain, trust, 20)
    assert (*end(answer), answer.name) == ("dns", "no-such-name", domain)
    assert answer.error == "not a name that the DNS can have"


def test_letters_beyond_ascii_and_case_and_the_last_dot_are_written_as_on_the_wire() -> None:
    assert wire_name("Cổng.VN.") == "xn--cng-qmz.vn"
    assert wire_name("dich_vu.example") == "dich_vu.example"


@given(st.text())
def test_a_name_on_the_wire_stays_as_it_is(domain: str) -> None:
    name = wire_name(domain)
    assert name.isascii()
    assert wire_name(name) == name


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (socket.gaierror(socket.EAI_NONAME, "x"), Result.NO_SUCH_NAME),
        (socket.gaierror(socket.EAI_AGAIN, "x"), Result.NAME_SERVER),
        (socket.gaierror(socket.EAI_FAIL, "x"), Result.NAME_SERVER),
        (OSError(EHOSTUNREACH, "x"), Result.UNREACHABLE),
        (OSError(ENETUNREACH, "x"), Result.UNREACHABLE),
        (OSError(ECONNRESET, "x"), Result.CLOSED),
        (OSError(EMFILE, "x"), Result.NOT_ASKED),
        (PermissionError(1, "x"), Result.NOT_ASKED),
    ],
)
def test_a_fault_on_this_side_is_told_from_one_on_theirs(error: OSError, result: Result) -> None:
    assert result_of(error) is result


# --- trust


def test_authorities_that_cannot_be_read_are_refused_and_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("", "utf-8")
    for path, key in ((empty, "no_certificate"), (tmp_path / "missing.pem", "credential_unreadable")):
        with pytest.raises(UsageRefused, match=key) as refused:
            trusting(str(path))
        assert refused.value.facts["path"] == str(path)
