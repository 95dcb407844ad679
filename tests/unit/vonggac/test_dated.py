"""The tables that ship with us agree with the definitions, the rules and each other."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from correlator.behaviour.finding import rule as behaviour
from correlator.sigma.info import CATEGORIES, LEVELS, RSIT_CLASSES
from correlator.sigma.load import load_rules
from rules import SHIPPED
from vonggac.dated import in_force, kind_maps, severity_tables
from vonggac.definitions import all_definitions
from vonggac.domain.detection import RuleInfo
from vonggac.domain.kinds import KindMap, class_of

RULES = [rule.info for rule in load_rules([SHIPPED]).rules]


@pytest.mark.parametrize("kinds", kind_maps(), ids=lambda each: each.id)
def test_a_map_knows_every_kind_and_class_and_no_other(kinds: KindMap) -> None:
    defined = {key for terms in all_definitions() for key, each in terms.categories.items() if each.scheme == "qd05"}
    assert set(kinds.kinds) == CATEGORIES | {"combined"} == defined
    assert list(kinds.kinds)[-1] == "combined"
    assert set(kinds.classes) == RSIT_CLASSES
    assert set(kinds.classes.values()) <= CATEGORIES
    assert set(kinds.attacked) <= set(kinds.kinds) | set(kinds.classes)
    assert kinds.source


@pytest.mark.parametrize("kinds", kind_maps(), ids=lambda each: each.id)
def test_a_maps_rows_say_pairs_that_it_allows_and_no_sign_twice(kinds: KindMap) -> None:
    for kind in kinds.kinds.values():
        assert kind.pairs <= RSIT_CLASSES
        assert class_of(kind.rsit) in kind.pairs
    for row in kinds.rows:
        assert row.kind in CATEGORIES
        assert class_of(row.rsit) in kinds.kinds[row.kind].pairs, row
    signs = [sign for row in kinds.rows for sign in row.signs]
    assert len(set(signs)) == len(signs)
    for rsit, kind_name in kinds.classes.items():
        assert rsit in kinds.kinds[kind_name].pairs, rsit


@pytest.mark.parametrize("info", RULES, ids=lambda info: info.name)
def test_every_shipped_rule_states_a_kind_and_a_class_that_go_together(info: RuleInfo) -> None:
    for kinds in kind_maps():
        assert info.category in kinds.kinds
        assert info.rsit in kinds.kinds[info.category].pairs, (info.category, info.rsit)


def test_a_behaviours_techniques_tell_its_class() -> None:
    info = behaviour("port_scan", "port-scan", "medium", "unauthorized-access", ("T1046", "T1595.001"))
    found = kind_maps()[0].classify(info.category, info.rsit, info.tags)
    assert (found.kind, found.rsit) == ("unauthorized-access", "information-gathering/scanner")


def test_every_rule_of_others_is_put_into_a_kind_by_its_tags(shared_data: Path) -> None:
    rules = [rule.info for rule in load_rules([shared_data / "sigma"]).rules]
    found = {info.name: kind_maps()[0].classify(info.category, info.rsit, info.tags) for info in rules}
    assert [name for name, each in found.items() if each.because == "nothing"] == []
    assert len({each.kind for each in found.values()}) >= 7


def test_the_table_of_the_day_holds_and_before_the_first_the_first() -> None:
    (first,) = kind_maps()
    second = replace(first, id="later", valid_from=first.valid_from + timedelta(days=3000))
    known = (first, second)
    assert in_force(known, second.valid_from - timedelta(days=1)) is first
    assert in_force(known, second.valid_from) is second
    assert in_force(known, date(1999, 1, 1)) is first


def test_a_table_of_severities_has_a_row_for_every_level_of_sigma_and_a_cell_for_every_system_level() -> None:
    for table in severity_tables():
        assert tuple(table.levels) == LEVELS
        for row in table.levels.values():
            assert [each.rank for each in row] == sorted(each.rank for each in row)
            assert len(row) == 6
        assert table.not_hit <= RSIT_CLASSES
