"""Which suppression holds a detection back: held against an evaluator that looks at every one in the plainest way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vonggac.domain.detection import Detection, RuleInfo, Ruleset, from_document, to_document
from vonggac.domain.suppression import (
    Act,
    ActKind,
    Condition,
    Operator,
    Reading,
    Standing,
    Suppression,
    Suppressions,
    fit_of,
    like,
)

T0 = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
TREE = {"G99": frozenset({"G99", "G99.1"}), "G99.1": frozenset({"G99.1"}), "T98": frozenset({"T98"})}


def below(code: str) -> frozenset[str]:
    return TREE[code]


def condition(field: str, operator: str, *values: str) -> Condition:
    return Condition(field, Operator(operator), values)


def suppression(
    *conditions: Condition,
    identity: str = "sup-1",
    rule: str | None = None,
    kind: str | None = None,
    agency: str | None = None,
    start: datetime = T0,
    until: datetime = T0 + HOUR,
    made: datetime = T0,
) -> Suppression:
    act = Act(ActKind.MADE, made, "lan", "máy quét của ta", until)
    return Suppression(identity, rule, kind, agency, conditions, start, (act,))


def detection(
    rule: str = "r1", kind: str = "port-scan", agency: str | None = "G99", at: datetime = T0, **fields: object
) -> Detection:
    """`source_ip="…"` is `source.ip`."""
    info = RuleInfo(rule, "Scan", "Quét", Ruleset.SIGMA, "low", kind=kind)
    entities = {name.replace("_", "."): value for name, value in fields.items()}
    if agency is not None:
        entities["organization.id"] = agency
    return Detection("d1", info, at, at, at, ("e1",), entities)


def fits(one: Condition, found: Detection) -> bool:
    return fit_of(suppression(one), below)(Reading(found))


# --- one condition


@pytest.mark.parametrize(
    ("one", "fields", "holds"),
    [
        (condition("source.ip", "is", "192.0.2.1"), {"source_ip": "192.0.2.1"}, True),
        (condition("source.ip", "is", "192.0.2.1"), {"source_ip": "192.0.2.10"}, False),
        (condition("source.ip", "is", "192.0.2.1", "192.0.2.10"), {"source_ip": "192.0.2.10"}, True),
        (condition("source.ip", "is", "2001:db8::1"), {"source_ip": "2001:DB8:0:0::1"}, True),
        (condition("source.ip", "is", "192.0.2.1"), {"destination_ip": "192.0.2.1"}, False),
        (condition("related.ip", "is", "192.0.2.1"), {"destination_ip": "192.0.2.1"}, True),
        (condition("related.ip", "is", "192.0.2.1"), {"source_ip": ["192.0.2.9", "192.0.2.1"]}, True),
        (condition("destination.port", "is", "443"), {"destination_port": 443}, True),
        (condition("file.name", "is", "BÁO CÁO.docx"), {"file_name": "báo cáo.DOCX"}, True),
        (condition("file.name", "is", "a*"), {"file_name": "ab"}, False),
        (condition("source.ip", "cidr", "192.0.2.0/24"), {"source_ip": "192.0.2.77"}, True),
        (condition("source.ip", "cidr", "192.0.2.0/24", "2001:db8::/32"), {"source_ip": "2001:db8:7::1"}, True),
        (condition("source.ip", "cidr", "192.0.2.0/24"), {"source_ip": "not an address"}, False),
        (condition("source.ip", "cidr", "192.0.2.0/24"), {"source_ip": "192.0.3.0"}, False),
        (condition("source.ip", "cidr", "192.0.2.0/24"), {"source_ip": "::ffff:192.0.2.7"}, True),
        (condition("source.ip", "cidr", "::ffff:192.0.2.0/120"), {"source_ip": "192.0.2.7"}, True),
        (condition("source.ip", "is", "::ffff:192.0.2.7"), {"source_ip": "192.0.2.7"}, True),
        (condition("url.domain", "below", "example.vn"), {"url_domain": "www.Example.vn."}, True),
        (condition("url.domain", "below", "example.vn"), {"url_domain": "example.vn"}, True),
        (condition("url.domain", "below", "example.vn"), {"url_domain": "badexample.vn"}, False),
        (condition("url.domain", "below", "example.vn"), {"url_domain": "example.vn.evil.test"}, False),
        (condition("url.domain", "like", "*.example.vn"), {"url_domain": "a.b.EXAMPLE.vn"}, True),
        (condition("url.domain", "like", "*.example.vn"), {"url_domain": "example.vn"}, False),
        (condition("source.ip", "like", "10.1.*"), {"source_ip": "10.1.2.3"}, True),
        (condition("url.domain", "is", "a"), {}, False),
        (condition("url.domain", "like", "*a*"), {}, False),
    ],
)
def test_a_condition_holds_where_one_of_its_values_stands(
    one: Condition, fields: dict[str, object], holds: bool
) -> None:
    assert fits(one, detection(**fields)) is holds


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        (r"c:\windows\*.exe", r"c:\windows*.exe", True),  # Sigma: the backslash takes the star's meaning
        (r"c:\windows\\*.exe", r"c:\windows\a.exe", True),
        (r"c:\windows\\*.exe", r"c:\windowsa.exe", False),
        (r"a\?b", "a?b", True),
        (r"a\?b", "axb", False),
        ("a?b", "axb", True),
        ("a?b", "ab", False),
        ("a+b(c)", "a+b(c)", True),
        ("*", "", True),
        ("a*b*c", "a b c b c", True),
        ("a*b*c", "a b c b d", False),
        ("a*", "a\nb", True),
        ("a", "a\n", False),
        ("*ab*ab*", "xabx", False),
        ("**a**", "a", True),
    ],
)
def test_wildcards_are_sigmas(pattern: str, text: str, matches: bool) -> None:
    assert bool(like(pattern).match(text)) is matches


def test_no_pattern_makes_matching_slow() -> None:
    pattern, text = like("*a" * 200 + "b"), "a" * 20_000
    assert not pattern.match(text)  # tried anew at each star, this would not end


def test_what_a_correlation_groups_by_can_be_named() -> None:
    one = condition("user.name", "is", "svc-backup")
    assert fits(one, replace(detection(), group_by={"user.name": "SVC-Backup"}))
    assert not fits(one, replace(detection(), group_by={"user.name": "lan"}))


def test_what_the_incident_is_about_can_be_named_whichever_field_holds_it() -> None:
    one = condition("incident.entity", "is", "Example.vn")
    found = detection(url_domain="example.vn")
    assert fits(one, replace(found, rule=replace(found.rule, entity="url.domain")))
    assert not fits(one, found), "it is about its source"
    network = condition("incident.entity", "cidr", "2001:db8::/32")
    assert fits(network, detection(source_ip="2001:DB8::1"))
    assert not fits(network, replace(found, rule=replace(found.rule, entity="url.domain")))
    assert not fits(condition("incident.entity", "like", "*"), detection())


def test_an_indicator_can_be_named() -> None:
    one = condition("vonggac.detection.indicator_id", "is", "indicator--1")
    assert fits(one, replace(detection(), indicator_id="indicator--1"))
    assert not fits(one, detection())


# --- a suppression


def test_everything_given_must_be_so() -> None:
    full = suppression(
        condition("source.ip", "is", "192.0.2.1"),
        condition("destination.port", "is", "22"),
        rule="r1",
        kind="port-scan",
        agency="G99",
    )
    covers = fit_of(full, below)

    def fit(found: Detection) -> bool:
        return covers(Reading(found))

    right = detection(source_ip="192.0.2.1", destination_port=22)
    assert fit(right)
    assert fit(replace(right, entities={**right.entities, "organization.id": "G99.1"}))
    for wrong in (
        detection("r2", source_ip="192.0.2.1", destination_port=22),
        detection(kind="dos", source_ip="192.0.2.1", destination_port=22),
        detection(agency="T98", source_ip="192.0.2.1", destination_port=22),
        detection(agency=None, source_ip="192.0.2.1", destination_port=22),
        detection(source_ip="192.0.2.1", destination_port=23),
        detection(source_ip="192.0.2.1"),
    ):
        assert not fit(wrong)


def test_validity_is_half_open_and_of_the_detections_time() -> None:
    known = Suppressions([suppression(rule="r1")], below)
    assert known.of(detection(at=T0)) == "sup-1"
    assert known.of(detection(at=T0 + HOUR - timedelta(microseconds=1))) == "sup-1"
    assert known.of(detection(at=T0 + HOUR)) is None
    assert known.of(detection(at=T0 - timedelta(microseconds=1))) is None


def test_of_several_the_one_made_first_is_named() -> None:
    later = suppression(rule="r1", identity="sup-a", made=T0 + HOUR)
    first = suppression(condition("source.ip", "is", "192.0.2.1"), identity="sup-b")
    twin = suppression(kind="port-scan", identity="sup-c")
    for given_order in ([later, first, twin], [twin, first, later]):
        assert Suppressions(given_order, below).of(detection(source_ip="192.0.2.1")) == "sup-b"


def test_how_one_stands_is_told_by_its_last_act_and_the_time() -> None:
    made = suppression(start=T0, until=T0 + HOUR)
    assert made.standing(T0 - HOUR) is Standing.WAITING
    assert made.standing(T0) is Standing.IN_FORCE
    assert made.standing(T0 + HOUR) is Standing.EXPIRED
    longer = replace(made, acts=(*made.acts, Act(ActKind.EXTENDED, T0, "lan", "còn quét", T0 + 3 * HOUR)))
    assert (longer.until, longer.standing(T0 + HOUR)) == (T0 + 3 * HOUR, Standing.IN_FORCE)
    ended = replace(longer, acts=(*longer.acts, Act(ActKind.ENDED, T0 + HOUR, "lan", "xong", T0 + HOUR)))
    assert ended.standing(T0 + HOUR) is Standing.ENDED
    assert ended.holds_at(T0) and not ended.holds_at(T0 + HOUR)


def test_a_detection_keeps_what_holds_it_back_through_its_document() -> None:
    held = replace(detection(source_ip="192.0.2.1"), suppressed_by="sup-1")
    assert from_document(to_document(held)) == held
    assert "suppressed_by" not in to_document(detection())["vonggac"]["detection"]


# --- many, against a plain evaluator

LABELS = ("a", "b", "A", "ab", "example", "vn")
names = st.lists(st.sampled_from(LABELS), min_size=1, max_size=3).map(".".join)
addresses = st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.1.1", "2001:db8::1", "2001:DB8::2", "::1"])
networks = st.sampled_from(["10.0.0.0/31", "10.0.0.0/24", "10.0.0.0/8", "2001:db8::/64", "::/1"])
globs = st.text("ab.*?\\", min_size=1, max_size=6)
conditions = st.one_of(
    st.builds(
        Condition,
        st.sampled_from(["source.ip", "destination.ip", "related.ip"]),
        st.just(Operator.IS),
        st.lists(addresses, min_size=1, max_size=2).map(tuple),
    ),
    st.builds(
        Condition,
        st.sampled_from(["source.ip", "related.ip"]),
        st.just(Operator.CIDR),
        st.lists(networks, min_size=1, max_size=2).map(tuple),
    ),
    st.builds(
        Condition,
        st.just("url.domain"),
        st.sampled_from([Operator.IS, Operator.BELOW]),
        st.lists(names, min_size=1, max_size=2).map(tuple),
    ),
    st.builds(Condition, st.just("url.domain"), st.just(Operator.LIKE), st.lists(globs, max_size=2).map(tuple)),
)
instants = st.integers(0, 6).map(lambda hours: T0 + hours * HOUR)
rules = st.sampled_from([None, "r1", "r2"])
kinds = st.sampled_from([None, "k1", "k2"])
agencies = st.sampled_from([None, "G99", "G99.1", "T98"])


@st.composite
def suppressions(draw: st.DrawFn) -> list[Suppression]:
    made = []
    for number in range(draw(st.integers(0, 8))):
        start = draw(instants)
        made.append(
            suppression(
                *draw(st.lists(conditions, max_size=3)),
                identity=f"sup-{number}",
                rule=draw(rules),
                kind=draw(kinds),
                agency=draw(agencies),
                start=start,
                until=start + HOUR * draw(st.integers(1, 6)),
                made=draw(instants),
            )
        )
    return made


@st.composite
def detections(draw: st.DrawFn) -> Detection:
    fields: dict[str, object] = {}
    for name, values in (("source_ip", addresses), ("destination_ip", addresses), ("url_domain", names)):
        fields |= draw(st.one_of(st.just({}), st.fixed_dictionaries({name: values | st.lists(values, max_size=2)})))
    return detection(
        draw(st.sampled_from(["r1", "r2", "r3"])),
        draw(st.sampled_from(["k1", "k2", "k3"])),
        draw(agencies),
        draw(instants),
        **fields,
    )


@settings(max_examples=400)
@given(suppressions(), detections())
def test_the_index_finds_what_looking_at_every_one_finds(many: Sequence[Suppression], found: Detection) -> None:
    held_by = [each for each in many if plainly(each, found)]
    first = min(held_by, key=lambda each: (each.made.at, each.id), default=None)
    assert Suppressions(many, below).of(found) == (first.id if first else None)


def plainly(one: Suppression, found: Detection) -> bool:
    return (
        one.start <= found.time < one.acts[-1].until
        and (one.rule is None or one.rule == found.rule.id)
        and (one.kind is None or one.kind == found.rule.kind)
        and (one.agency is None or found.entities.get("organization.id") in TREE[one.agency])
        and all(
            any(stands(each, value, held) for value in each.values for held in held_in(found, each.field))
            for each in one.conditions
        )
    )


def held_in(found: Detection, field: str) -> list[str]:
    paths = ["source.ip", "destination.ip"] if field == "related.ip" else [field]
    values = [found.entities[path] for path in paths if path in found.entities]
    return [item for value in values for item in (value if isinstance(value, list) else [value])]


def stands(one: Condition, value: str, held: str) -> bool:
    if one.operator is Operator.IS:
        return ip_address(value) == ip_address(held) if one.field.endswith(".ip") else value.lower() == held.lower()
    if one.operator is Operator.CIDR:
        return ip_address(held) in ip_network(value)
    if one.operator is Operator.BELOW:
        return f".{held.lower()}".endswith(f".{value.lower()}")
    return globs_match(value.lower(), held.lower())


def globs_match(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(globs_match(pattern[1:], text[at:]) for at in range(len(text) + 1))
    if pattern[0] == "?":
        return bool(text) and globs_match(pattern[1:], text[1:])
    taken = 2 if pattern[0] == "\\" and pattern[1:2] in ("*", "?", "\\") else 1
    return text[:1] == pattern[taken - 1] and globs_match(pattern[taken:], text[1:])


@pytest.mark.parametrize(
    ("one", "its"),
    [
        (lambda at: suppression(condition("source.ip", "is", v4(at))), lambda at: detection(source_ip=v4(at))),
        (
            lambda at: suppression(condition("source.ip", "cidr", f"{v4(at)}/31", "192.0.2.0/24")),
            lambda at: detection(source_ip=v4(at + 1)),
        ),
        (
            lambda at: suppression(condition("related.ip", "cidr", f"2001:db8:{at:x}::/48")),
            lambda at: detection(source_ip="192.0.2.1", destination_ip=f"2001:db8:{at:x}::1"),
        ),
        (
            lambda at: suppression(condition("url.domain", "below", f"d{at}.example.vn")),
            lambda at: detection(url_domain=f"www.d{at}.example.vn"),
        ),
        (lambda at: suppression(rule=f"rule-{at}"), lambda at: detection(f"rule-{at}")),
        (lambda at: suppression(kind=f"kind-{at}"), lambda at: detection(kind=f"kind-{at}")),
    ],
)
def test_a_detection_is_held_against_few_of_thousands(
    one: Callable[[int], Suppression], its: Callable[[int], Detection]
) -> None:
    asked: list[str] = []

    def counting(code: str) -> frozenset[str]:
        asked.append(code)
        return frozenset({"G99"})

    many = [replace(one(at), id=f"sup-{at}", agency=f"agency-{at}") for at in range(0, 6_000, 2)]
    known = Suppressions(many, counting)
    for at in (0, 8, 5_998):
        assert known.of(its(at)) == f"sup-{at}"
    assert asked == ["agency-0", "agency-8", "agency-5998"]


def v4(number: int) -> str:
    return str(ip_address(0x0A000000 + number))
