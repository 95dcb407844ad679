"""Who may suppress what, for how long, and what stays of each act."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.contracts.store_samples import detection
from tests.unit.vonggac.suppressions.made import KNOWN, LONGEST, TOMORROW, condition, draft, suppressing
from vonggac.domain.access import Principal, UserRole
from vonggac.domain.agency import Directory
from vonggac.domain.suppression import ActKind, Hits, Standing
from vonggac.errors import Conflict, NotFound, SharingRefused, TransitionNotAllowed, UsageRefused
from vonggac.ports import Clock, Ids, Store
from vonggac.suppressions.checks import MAX_CONDITIONS, MAX_VALUES, checked
from vonggac.suppressions.kept import changes, load_suppressions
from vonggac.suppressions.look import UNUSED, notices, suppression_data

SCANNER = condition("source.ip", "is", "192.0.2.1")


def test_what_is_made_comes_back_as_it_was_and_holds_from_now_on(store: Store, clock: Clock, ids: Ids) -> None:
    given = draft(
        SCANNER,
        condition("url.domain", "below", "Example.vn", "b.vn"),
        rule="r1",
        kind="port-scan",
        agency="G99",
        ticket=" CV-117 ",
    )
    made = suppressing(store, clock, ids).make(given, KNOWN)
    assert suppressing(store, clock, ids).get(made.id) == made
    assert load_suppressions(store.records) == [made]
    assert (made.made.actor, made.made.reason, made.ticket) == ("operator", "máy quét của ta", "CV-117")
    assert (made.start, made.until) == (made.made.at, TOMORROW)
    assert made.standing(clock()) is Standing.IN_FORCE


@pytest.mark.parametrize(
    ("given", "key"),
    [
        (draft(), "suppression_of_everything"),
        (draft(agency="G99"), "suppression_of_everything"),
        (draft(rule="gone"), "suppression_rule"),
        (draft(kind="gone"), "suppression_kind"),
        (draft(kind="dos", agency="X1"), "unknown_agency"),
        (draft(kind="dos", reason="  "), "text_length"),
        (draft(kind="dos", reason="x" * 2_001), "text_length"),
        (draft(kind="dos", ticket="x" * 2_001), "text_length"),
        (draft(kind="dos", until=TOMORROW - timedelta(days=2)), "suppression_backwards"),
        (draft(kind="dos", start=TOMORROW, until=TOMORROW), "suppression_backwards"),
        (draft(kind="dos", until=TOMORROW + LONGEST), "suppression_too_long"),
        (draft(condition("user.name", "is", "a")), "suppression_field"),
        (draft(condition("not a field", "is", "a"), rule="r1"), "suppression_field"),
        (draft(condition("url.domain", "is")), "suppression_values"),
    ],
)
def test_what_cannot_be_is_refused_and_not_made(store: Store, clock: Clock, ids: Ids, given: Any, key: str) -> None:
    with pytest.raises(UsageRefused) as caught:
        suppressing(store, clock, ids).make(given, KNOWN)
    assert caught.value.key == key
    assert (load_suppressions(store.records), changes(store.records)) == ([], 0)


def test_a_period_that_is_over_can_be_suppressed_for_captures_read_later(store: Store, clock: Clock, ids: Ids) -> None:
    past = draft(kind="dos", start=TOMORROW - timedelta(days=900), until=TOMORROW - timedelta(days=800))
    assert suppressing(store, clock, ids).make(past, KNOWN).standing(clock()) is Standing.EXPIRED


def test_an_agency_that_the_directory_lacks_is_refused(store: Store, clock: Clock, ids: Ids) -> None:
    with pytest.raises(UsageRefused) as refused:
        suppressing(store, clock, ids, directory=Directory()).make(draft(kind="dos", agency="X1"), KNOWN)
    assert refused.value.facts["code"] == "X1"


# --- conditions


@pytest.mark.parametrize(
    ("field", "operator", "value"),
    [
        ("source.ip", "is", "10.1.*"),
        ("source.ip", "is", "10.0.0.0/8"),
        ("related.ip", "cidr", "10.1.2.3/8"),
        ("related.ip", "cidr", "0.0.0.0/0"),
        ("related.ip", "cidr", "::/0"),
        ("source.ip", "cidr", "example.vn"),
        ("url.domain", "cidr", "10.0.0.0/8"),
        ("source.ip", "below", "10.0"),
        ("url.domain", "below", "."),
        ("url.domain", "like", "*"),
        ("url.domain", "like", "*?*"),
        ("url.domain", "is", ""),
        ("url.original", "is", "x" * 1_001),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_with_its_field(field: str, operator: str, value: str) -> None:
    with pytest.raises(UsageRefused) as caught:
        checked([condition(field, operator, value)], any_field=False)
    assert caught.value.key == "suppression_value"
    assert (caught.value.facts["field"], caught.value.facts["value"]) == (field, value)


def test_a_network_with_host_bits_is_told_in_both_ways_it_may_be_meant() -> None:
    with pytest.raises(UsageRefused) as caught:
        checked([condition("source.ip", "cidr", "10.1.2.3/8")], any_field=False)
    assert caught.value.facts["wanted"] == "10.0.0.0/8, 10.1.2.3"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (condition("source.ip", "is", " 2001:DB8:0::1 "), ("2001:db8::1",)),
        (
            condition("source.ip", "cidr", "10.0.0.0/8", "2001:DB8::/32", "192.0.2.1"),
            ("10.0.0.0/8", "2001:db8::/32", "192.0.2.1/32"),
        ),
        (condition("url.domain", "below", ".example.vn."), ("example.vn",)),
        (condition("incident.entity", "cidr", "10.0.0.0/8"), ("10.0.0.0/8",)),
        (condition("incident.entity", "is", "example.vn"), ("example.vn",)),
        (condition("file.name", "is", "a\u0301", "á"), ("á",)),
        (condition("url.original", "is", "/a?b=*"), ("/a?b=*",)),
    ],
)
def test_values_are_kept_in_one_spelling(given: Any, kept: tuple[str, ...]) -> None:
    assert checked([given], any_field=False) == (replace(given, values=kept),)


def test_conditions_and_values_are_bounded() -> None:
    with pytest.raises(UsageRefused) as caught:
        checked([SCANNER] * (MAX_CONDITIONS + 1), any_field=False)
    assert caught.value.key == "suppression_conditions"
    with pytest.raises(UsageRefused) as caught:
        checked([condition("file.name", "is", *map(str, range(MAX_VALUES + 1)))], any_field=False)
    assert caught.value.key == "suppression_values"


def test_with_a_rule_what_it_groups_by_can_be_named() -> None:
    assert checked([condition("user.name", "is", "a")], any_field=True)[0].field == "user.name"


# --- who


def person(role: UserRole, agency: str | None = None) -> Principal:
    return Principal("lan", role, agency)


@pytest.mark.parametrize(
    ("who", "agency", "key"),
    [
        (person(UserRole.VIEWER), "G99", "role_may_not"),
        (person(UserRole.STATISTICIAN), None, "role_may_not"),
        (person(UserRole.ANALYST), None, "suppression_for_all"),
        (person(UserRole.ANALYST, "G99"), None, "suppression_agency"),
        (person(UserRole.LEAD, "G99"), None, "suppression_agency"),
        (person(UserRole.ADMIN, "G99"), None, "suppression_agency"),
        (person(UserRole.ANALYST, "G99"), "T98", "suppression_agency"),
        (person(UserRole.ANALYST, "G99.1"), "G99", "suppression_agency"),
        (person(UserRole.ANALYST), "T98", None),
        (person(UserRole.ANALYST, "G99"), "G99", None),
        (person(UserRole.ANALYST, "G99"), "G99.1", None),
        (person(UserRole.LEAD), None, None),
        (person(UserRole.ADMIN), None, None),
    ],
)
def test_people_suppress_for_agencies_they_speak_for(
    store: Store, clock: Clock, ids: Ids, who: Principal, agency: str | None, key: str | None
) -> None:
    acts = suppressing(store, clock, ids, who)
    given = draft(kind="dos", agency=agency)
    if key is None:
        made = acts.make(given, KNOWN)
        assert (made.made.actor, acts.may_change(made)) == ("lan", True)
        return
    for act in (lambda: acts.make(given, KNOWN), lambda: acts.example(given, KNOWN)):
        with pytest.raises(SharingRefused) as caught:
            act()
        assert caught.value.key == key
    made = suppressing(store, clock, ids).make(given, KNOWN)
    assert not acts.may_change(made)
    with pytest.raises((SharingRefused, NotFound)):
        acts.end(made.id, "không cần nữa")


def test_people_see_those_that_concern_their_agencies(store: Store, clock: Clock, ids: Ids) -> None:
    made = {
        agency: suppressing(store, clock, ids).make(draft(kind="dos", agency=agency), KNOWN).id
        for agency in ("G99", "G99.1", "T98", None)
    }

    def seen(agency: str | None) -> list[str | None]:
        acts = suppressing(store, clock, ids, person(UserRole.VIEWER, agency))
        for other in set(made.values()) - {each.id for each in acts.all()}:
            with pytest.raises(NotFound):
                acts.get(other)
        return [each.agency for each in acts.all()]

    assert seen(None) == [None, "T98", "G99.1", "G99"], "the newest first"
    assert seen("G99") == [None, "G99.1", "G99"]
    assert seen("G99.1") == [None, "G99.1", "G99"]
    assert seen("T98") == [None, "T98"]


# --- end and extend


def test_each_act_is_kept_after_those_before(store: Store, clock: Clock, ids: Ids) -> None:
    made = suppressing(store, clock, ids).make(draft(kind="dos"), KNOWN)
    other = suppressing(store, clock, ids, person(UserRole.LEAD))
    extended = other.extend(made.id, TOMORROW + timedelta(days=30), "còn quét")
    ended = suppressing(store, clock, ids).end(made.id, "xong")
    assert ended.acts[:2] == extended.acts and extended.acts[:1] == made.acts
    told = [(act.kind, act.actor, act.reason) for act in ended.acts]
    assert told == [
        (ActKind.MADE, "operator", "máy quét của ta"),
        (ActKind.EXTENDED, "lan", "còn quét"),
        (ActKind.ENDED, "operator", "xong"),
    ]
    assert ended.until == ended.acts[-1].at < TOMORROW
    assert changes(store.records) >= 3


def test_one_that_is_over_stays_over(store: Store, clock: Clock, ids: Ids) -> None:
    acts = suppressing(store, clock, ids)
    ended = acts.make(draft(kind="dos"), KNOWN)
    acts.end(ended.id, "xong")
    expired = acts.make(draft(kind="dos", until=clock() + timedelta(seconds=3)), KNOWN)
    clock(), clock(), clock()
    for over in (ended, expired):
        assert not acts.may_change(acts.get(over.id))
        for act in (lambda: acts.end(over.id, "x"), lambda: acts.extend(over.id, TOMORROW, "x")):  # noqa: B023
            with pytest.raises(TransitionNotAllowed) as caught:
                act()
            assert caught.value.key == "suppression_over"


def test_one_that_has_not_begun_holds_nothing_when_it_is_ended(store: Store, clock: Clock, ids: Ids) -> None:
    acts = suppressing(store, clock, ids)
    made = acts.make(draft(kind="dos", start=TOMORROW, until=TOMORROW + timedelta(days=1)), KNOWN)
    ended = acts.end(made.id, "hoãn")
    assert ended.standing(clock()) is Standing.ENDED
    assert not ended.holds_at(TOMORROW)


@pytest.mark.parametrize(
    ("until", "reason", "key"),
    [
        (TOMORROW, "x", "suppression_no_later"),
        (TOMORROW + LONGEST, "x", "suppression_too_long"),
        (TOMORROW + timedelta(days=9), " ", "text_length"),
    ],
)
def test_an_extension_is_later_bounded_and_has_a_reason(
    store: Store, clock: Clock, ids: Ids, until: Any, reason: str, key: str
) -> None:
    acts = suppressing(store, clock, ids)
    made = acts.make(draft(kind="dos"), KNOWN)
    with pytest.raises(UsageRefused) as caught:
        acts.extend(made.id, until, reason)
    assert caught.value.key == key
    assert acts.get(made.id) == made


def test_an_act_over_another_version_is_a_conflict(store: Store, clock: Clock, ids: Ids) -> None:
    acts = suppressing(store, clock, ids)
    made = acts.make(draft(kind="dos"), KNOWN)
    acts.extend(made.id, TOMORROW + timedelta(days=9), "còn quét", version=1)
    with pytest.raises(Conflict):
        acts.end(made.id, "xong", version=1)
    assert acts.end(made.id, "xong", version=2).standing(clock()) is Standing.ENDED


# --- what somebody should look at


def test_notices_tell_what_somebody_should_look_at(store: Store, clock: Clock, ids: Ids) -> None:
    made = suppressing(store, clock, ids).make(draft(kind="dos", until=TOMORROW + timedelta(days=99)), KNOWN)
    begin, late = made.start, made.start + UNUSED

    def told(now: Any, hits: Hits | None = None, known: Any = KNOWN, one: Any = made) -> list[str]:
        return notices(one, hits, now, known)

    assert told(begin) == []
    assert told(made.until - timedelta(days=8), Hits(1, begin, made.until - timedelta(days=9))) == []
    assert told(made.until - timedelta(days=7), Hits(1, begin, made.until - timedelta(days=9))) == ["expiring"]
    assert told(late - timedelta(seconds=1)) == []
    assert told(late) == told(late, Hits(1, begin, begin)) == ["unused"]
    assert told(late, Hits(2, begin, begin + timedelta(seconds=1))) == []
    assert told(begin, known={"r1": KNOWN["r1"]}) == ["unknown-kind"]
    assert told(begin, one=replace(made, kind=None, rule="gone")) == ["unknown-rule"]
    assert told(made.until, known={}) == [], "what is over needs nobody"


def test_a_suppression_is_told_with_its_hits(store: Store, clock: Clock, ids: Ids) -> None:
    made = suppressing(store, clock, ids).make(draft(SCANNER, agency="G99"), KNOWN)
    held = replace(detection(1), suppressed_by=made.id)
    store.events.add_detections([held])
    told = suppression_data(made, store.events.suppressed()[made.id], clock(), KNOWN)
    assert (told["hits"], told["first_hit"], told["last_hit"]) == (1, *["2026-11-01T00:00:00.000000Z"] * 2)
    assert (told["rule"], told["rule_name"]) == (None, None)
    assert told["conditions"] == [{"field": "source.ip", "operator": "is", "values": ["192.0.2.1"]}]
    assert (told["agency"], told["author"], told["standing"], told["version"]) == ("G99", "operator", "in-force", 1)
