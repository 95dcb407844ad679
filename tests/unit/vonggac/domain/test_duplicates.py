from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from vonggac.domain.detection import Severity
from vonggac.domain.duplicates import NEAR, Shared, Sign, candidates, pairs, signs_of
from vonggac.domain.incident import Incident, Involvement, Role, Status

START = datetime(2026, 3, 1, tzinfo=UTC)


def incident(identity: str, entity: str = "", title: str = "", agency: str = "A") -> Incident:
    return Incident(
        id=identity,
        version=1,
        key="",
        title=title,
        title_vi=title,
        kind="",
        entity=entity,
        category="phishing",
        severity=Severity.MEDIUM,
        status=Status.NEW,
        opened_at=START,
        first_at=START,
        last_at=START,
        changed_at=START,
        involvements=(Involvement(agency, Role.VICTIM),),
    )


ONE = incident("a", "https://www.vcb-login.example/xac-thuc")


@pytest.mark.parametrize(
    "entity",
    ["vcb-login.example", "VCB-Login.example.", "hxxps://vcb-login[.]example/", "http://vcb-login.example:8080/a"],
)
def test_one_place_written_in_several_ways_is_the_same(entity: str) -> None:
    [found] = candidates(ONE, [incident("b", entity, agency="B")])
    assert Sign(Shared.HOST, "vcb-login.example") in found.signs


def test_a_title_names_places_and_no_files() -> None:
    told = incident("b", title="Trang giả mạo ngân hàng VCB-login.example/xac-thuc, tệp invoice.exe", agency="B")
    assert signs_of(told) == {
        Sign(Shared.HOST, "vcb-login.example"),
        Sign(Shared.URL, "vcb-login.example/xac-thuc"),
    }


def test_a_name_in_vietnamese_is_the_same_as_its_form_in_dns() -> None:
    in_dns = "ngânhàng.example".encode("idna").decode()
    assert signs_of(incident("a", "NgânHàng.example")) == signs_of(incident("b", in_dns)) == {Sign(Shared.HOST, in_dns)}


def test_private_addresses_mean_other_machines_elsewhere() -> None:
    assert candidates(incident("a", "10.1.2.3"), [incident("b", "10.1.2.3", agency="B")]) == ()
    [found] = candidates(incident("a", "203.0.113.9"), [incident("b", "203.0.113.9", agency="B")])
    assert found.signs == (Sign(Shared.ADDRESS, "203.0.113.9"),)


def test_another_category_time_or_the_same_side_is_no_duplicate() -> None:
    other = incident("b", "vcb-login.example", agency="B")
    late = START + NEAR + timedelta(seconds=1)
    assert candidates(ONE, [other]) != ()
    for changed in (
        replace(other, category="malware"),
        replace(other, first_at=late, last_at=late),
        replace(other, involvements=ONE.involvements),
        replace(other, status=Status.MERGED),
        replace(other, status=Status.EXERCISE),
        replace(other, id="a"),
    ):
        assert candidates(ONE, [changed]) == ()


def test_the_same_side_by_another_origin_may_be_a_duplicate() -> None:
    assert candidates(ONE, [replace(incident("b", "vcb-login.example"), origin="sổ/1")]) != ()


def test_what_a_peer_says_is_offered_whatever_it_shares() -> None:
    [found] = candidates(replace(ONE, likened=("b",)), [incident("b", "other.example", agency="B")])
    assert found.signs == (Sign(Shared.PEER, ""),)


def test_each_pair_is_told_once_and_the_later_one_first() -> None:
    three = [
        replace(incident(name, "vcb-login.example", agency=name), opened_at=START + timedelta(hours=at))
        for at, name in enumerate("abc")
    ]
    told = [(later.id, earlier.incident.id) for later, earlier in pairs(reversed(three))]
    assert sorted(told) == [("b", "a"), ("c", "a"), ("c", "b")]
