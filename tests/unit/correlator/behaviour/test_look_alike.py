from __future__ import annotations

import pytest

from correlator.behaviour.look_alike import LookAlikeParameters, Names, core_of, registered
from correlator.behaviour.place import Place, place_of
from correlator.behaviour.shapes import decoded, distance, skeleton
from tests.unit.correlator.behaviour.made import HOST, MONDAY, PORTALS, dns, event, found_in, tls, told
from vonggac.domain.agency import Agency, Directory, Level

NAMES = Names((*PORTALS, "baohiemxahoi.gov.vn", "vneid.gov.vn", "moj.gov.vn"), LookAlikeParameters())


def idn(name: str) -> str:
    return ".".join(
        label if label.isascii() else "xn--" + label.encode("punycode").decode() for label in name.split(".")
    )


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("dichvucong.com", "other-ending"),
        ("dichvucong.gov-vn.com", "embedded"),
        ("dichvucong.gov.vn.xacnhan.top", "embedded"),
        ("login-dichvucong-gov-vn.net", "embedded"),
        ("moj.gov.vn.example.top", "embedded"),
        ("dichvucong-login.com", "added-words"),
        ("dangnhapdichvucong.xyz", "added-words"),
        ("dichvucong-gov.example", "added-words"),
        ("dichvuconggovvn.top", "added-words"),
        ("dlchvucong.com", "look-alike-letters"),
        ("dich-vu-cong.net", "look-alike-letters"),
        ("baohi3mxah0i.org", "look-alike-letters"),
        (idn("dịchvụcông.com"), "look-alike-letters"),
        (idn("dіchvucоng.vn"), "look-alike-letters"),  # Cyrillic і and о
        ("dichvuocng.com", "small-change"),
        ("dichvucomg.com", "small-change"),
        ("baohiemxahoii.com", "small-change"),
        ("baohiemsahoi.com.vn", "small-change"),
    ],
)
def test_a_name_made_to_be_taken_for_a_portal_is_found(name, way):
    found = NAMES.likeness(name, registered(name))
    assert found is not None
    assert found.way == way


@pytest.mark.parametrize(
    "name",
    [
        "dichvucong.gov.vn",
        "www.dichvucong.gov.vn",
        "cong.bo-mau.example",
        "mail.bo-mau.example",
        "dichvucong.danang.gov.vn",
        "google.com",
        "hanoihotel.com",
        "hanoimoi.vn",
        "vietnamnet.vn",
        "dichvuvesinh.com",
        "vnexpress.net",
        "moj.com",
        "cong.com",
        "microsoft.com",
        "xn--broken-\x7f.example",
        "xn--99999999.example",
    ],
)
def test_own_names_and_others_are_not_told(name):
    assert NAMES.likeness(name, registered(name)) is None


def test_without_protected_names_nothing_is_told():
    assert Names((), LookAlikeParameters()).likeness("dichvucong.com", "dichvucong.com") is None


def test_an_allowed_name_is_never_told():
    allowed = Names(PORTALS, LookAlikeParameters(allowed_names=("dichvucong.vn",)))
    assert allowed.likeness("www.dichvucong.vn", "dichvucong.vn") is None
    assert allowed.likeness("dichvucong.com", "dichvucong.com") is not None


def test_each_event_with_the_name_is_about_its_own_field_once_a_day():
    name = "dichvucong-login.com"
    web = event(MONDAY + 2, "http", HOST, "203.0.113.5", 80, url={"domain": name, "registered_domain": name})
    found = found_in([dns(MONDAY, HOST, name, name), tls(MONDAY + 1, HOST, name), web, tls(MONDAY + 9, HOST, name)])
    assert told(found) == ["look_alike"] * 3
    assert [(one.rule.entity, one.entity) for one in found] == [
        ("dns.question.name", name),
        ("tls.client.server_name", name),
        ("url.domain", name),
    ]
    assert found[0].explanation["baseline"]["protected"] == "dichvucong.gov.vn"
    assert "words added" in found[0].explanation["en"]
    assert "thêm từ" in found[0].explanation["vi"]


def test_names_and_networks_come_from_the_directory():
    unit = Agency("G1", "Bộ", Level.MINISTRY, networks=Place()._networks[:0], domains=("Cong.Bo-Mau.example.",))
    place = place_of(Directory((unit,)), ["dichvucong.gov.vn"])
    assert place.names == ("cong.bo-mau.example", "dichvucong.gov.vn")


def test_a_registered_domain_is_told_without_the_public_suffix_list():
    assert [registered(name) for name in ("a.b.gov.vn", "www.example.com", "example.vn", "x.y.io")] == [
        "b.gov.vn",
        "example.com",
        "example.vn",
        "y.io",
    ]
    assert core_of("a.b.gov.vn") == "b"


def test_distances_weigh_what_eye_and_hand_confuse():
    assert distance("abc", "abc", 2) == 0
    assert distance("dichvucong", "dichvucomg", 2) == 0.5
    assert distance("dichvucong", "dichvucnog", 2) == 0.5
    assert distance("dichvucong", "dichvuccong", 2) == 0.5
    assert distance("dichvucong", "dichvuxkong", 2) == 1.5
    assert distance("dichvucong", "baohiem", 2) > 2
    assert skeleton("rnicro") == skeleton("m1cro")
    assert decoded("xn--80ak6aa92e.com") == "аррӏе.com"
