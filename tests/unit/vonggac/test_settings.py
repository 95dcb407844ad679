from pathlib import Path

import pytest

from vonggac.errors import UsageRefused
from vonggac.settings import Settings, load


def test_flags_win_over_the_environment_over_the_file(tmp_path: Path) -> None:
    config = tmp_path / "vonggac.toml"
    config.write_text('[store]\nurl = "http://file"\n[serve]\nport = 1\n[node]\nname = "tệp"\n', "utf-8")
    environment = {"VONGGAC_STORE_URL": "http://environment", "VONGGAC_SERVE_PORT": "2"}
    settings = load(environment, {"store_url": "http://flag", "data_dir": None}, config)
    assert (settings.store_url, settings.serve_port, settings.node_name) == ("http://flag", 2, "tệp")
    assert settings.data_dir == Settings().data_dir


def test_a_setting_nobody_knows_is_refused_by_name(tmp_path: Path) -> None:
    config = tmp_path / "vonggac.toml"
    config.write_text("[store]\nurll = 'x'\n", "utf-8")
    with pytest.raises(UsageRefused) as refused:
        load({}, {}, config)
    assert refused.value.facts["name"] == "store.urll"


@pytest.mark.parametrize(
    ("variable", "value"),
    [("VONGGAC_SERVE_PORT", "many"), ("VONGGAC_SERVE_INSECURE", "perhaps"), ("VONGGAC_LANG", "fr")],
)
def test_a_value_of_the_wrong_kind_says_where_it_came_from(variable: str, value: str) -> None:
    with pytest.raises(UsageRefused) as refused:
        load({variable: value}, {})
    assert variable in str(refused.value.facts["origin"])


def test_a_missing_or_broken_file_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("[store", "utf-8")
    for path in (tmp_path / "missing.toml", broken):
        with pytest.raises(UsageRefused):
            load({}, {}, path)


def test_the_numbers_of_behaviours_come_from_the_file_alone(tmp_path: Path) -> None:
    config = tmp_path / "vonggac.toml"
    config.write_text('[behaviour]\nnames = ["a.gov.vn"]\n[behaviour.beacon]\nbeats = 30\n', "utf-8")
    assert load({}, {}, config).behaviour == {"names": ["a.gov.vn"], "beacon": {"beats": 30}}
    assert load({}, {}).behaviour is None
    with pytest.raises(UsageRefused) as refused:
        load({"VONGGAC_BEHAVIOUR": "beats=30"}, {})
    assert refused.value.facts["origin"] == "VONGGAC_BEHAVIOUR"
    config.write_text("behaviour = 3\n", "utf-8")
    with pytest.raises(UsageRefused):
        load({}, {}, config)


@pytest.mark.parametrize(
    ("variable", "value"), [("REPORTING_DAY", "29"), ("REPORTING_HOUR", "24"), ("REPORTING_DAY", "-1")]
)
def test_a_day_that_not_every_month_has_is_refused(variable: str, value: str) -> None:
    with pytest.raises(UsageRefused, match="0-2"):
        load({f"VONGGAC_{variable}": value}, {})
    assert load({"VONGGAC_REPORTING_DAY": "28", "VONGGAC_REPORTING_HOUR": "0"}, {}).reporting_day == 28


def test_the_tables_that_are_reported_are_a_list_in_the_file_and_commas_in_the_environment(tmp_path: Path) -> None:
    config = tmp_path / "vonggac.toml"
    config.write_text('[reporting]\ntables = ["category", "agency", "agency"]\n', "utf-8")
    assert load({}, {}).reporting_tables == "category"
    assert load({}, {}, config).reporting_tables == "category,agency"
    assert load({"VONGGAC_REPORTING_TABLES": "severity, level"}, {}, config).reporting_tables == "severity,level"


@pytest.mark.parametrize("tables", ["[]", '["category", "kind"]', '""', "[3]", "3", '[["category"]]'])
def test_a_table_that_there_is_not_is_refused_with_those_that_there_are(tmp_path: Path, tables: str) -> None:
    config = tmp_path / "vonggac.toml"
    config.write_text(f"[reporting]\ntables = {tables}\n", "utf-8")
    with pytest.raises(UsageRefused) as refused:
        load({}, {}, config)
    facts = refused.value.facts
    assert (facts["name"], facts["origin"]) == ("reporting.tables", str(config))
    assert "category, agency, level, severity" in str(facts["wanted"])
