from __future__ import annotations

import pytest

from tests.unit.correlator.behaviour.made import HOUR, MINUTE, MONDAY, event, flow, found_in, login, told

SOURCE = "10.1.2.77"


@pytest.mark.parametrize("dataset", ["smb", "ntlm", "kerberos", "ftp", "imap", "pop3", "smtp", "rdp"])
def test_a_few_tries_at_many_accounts_are_found(dataset):
    made = [login(MONDAY + n * 10 * MINUTE, SOURCE, "10.1.0.45", f"user{n % 15}", dataset) for n in range(30)]
    (found,) = found_in(made)
    assert found.rule.kind == "password-spray"
    assert found.explanation["numbers"]["accounts"] == 10
    assert found.entities["destination.ip"] == "10.1.0.45"


def test_one_account_tried_on_many_hosts_is_found():
    made = [login(MONDAY + n * MINUTE, SOURCE, f"10.1.7.{n}", "administrator") for n in range(12)]
    (found,) = found_in(made)
    assert found.explanation["numbers"]["hosts"] == 10
    assert "destination.ip" not in found.entities


def test_many_tries_at_few_accounts_are_another_attack():
    assert found_in(login(MONDAY + n, SOURCE, "10.1.0.45", f"user{n % 3}") for n in range(600)) == []


def test_logins_that_succeed_are_no_spray():
    made = [login(MONDAY + n, SOURCE, "10.1.0.45", f"user{n}", outcome="success") for n in range(60)]
    assert found_in(made) == []


def test_typing_errors_of_many_people_are_no_spray():
    assert found_in(login(MONDAY + n, f"10.1.2.{n}", "10.1.0.45", f"user{n}") for n in range(200)) == []


@pytest.mark.parametrize("protocol", ["ssh", "rdp"])
def test_short_encrypted_logins_on_many_hosts_are_found(protocol):
    made = [
        flow(MONDAY + n * MINUTE, SOURCE, f"10.1.7.{n}", 22, protocol=protocol, sent=3_000, lasted=4) for n in range(12)
    ]
    assert told(found_in(made)) == ["password_spray"]


def test_long_sessions_on_many_hosts_are_no_spray():
    made = [flow(MONDAY + n * MINUTE, SOURCE, f"10.1.7.{n}", 22, protocol="ssh", sent=90_000) for n in range(40)]
    assert found_in(made) == []


def test_web_logins_refused_on_many_hosts_are_found():
    refused = {"request": {"method": "POST"}, "response": {"status_code": 401}}
    made = [
        event(MONDAY + n, "http", SOURCE, f"10.1.7.{n}", 80, http=refused, event={"outcome": "failure"})
        for n in range(12)
    ]
    assert told(found_in(made)) == ["password_spray"]


def test_failures_are_told_once_in_each_window():
    made = [login(MONDAY + n * HOUR / 4, SOURCE, "10.1.0.45", f"user{n}") for n in range(96)]
    assert told(found_in(made)) == ["password_spray", "password_spray"]
