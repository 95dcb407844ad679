"""The published schema holds for what `stats compare` gives, and says no to what it would never give."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import vonggac
from tests.unit.vonggac.reports.bodies import comparison, row
from tests.unit.vonggac.reports.test_table import FULL
from tests.unit.vonggac.test_statistics import answered, write
from vonggac.definitions import definitions
from vonggac.domain.stats import By
from vonggac.old_cases import import_cases
from vonggac.ports import Store
from vonggac.statistics import ask

SCHEMA = json.loads((Path(vonggac.__file__).parent / "data/schemas/comparison.schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_the_schema_is_one_of_2020_12() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("by", list(By))
@pytest.mark.parametrize("known_at", [None, "01/05/2020"])
def test_a_real_body_is_valid(store: Store, tmp_path: Path, by: str, known_at: str | None) -> None:
    rows = [{"incident_id": str(at), "category": "malware"} for at in range(12)]
    path = write(tmp_path / "a.csv", {"agency_code": "H41", "role": "handler"}, {}, *rows)
    import_cases(store.incidents, path, definitions())
    for period in ("2020", "2021"):
        question = ask(period, by=by, known_at=known_at)
        VALIDATOR.validate(json.loads(json.dumps(answered(store, question))))


def test_a_body_with_measures_sentences_and_breaks_is_valid() -> None:
    VALIDATOR.validate(comparison(by="agency", rows=[row("25", 1.5, 0, verdict=None)], **FULL))


@pytest.mark.parametrize(
    "wrong",
    [
        {"digest": "abc"},
        {"by": "mood"},
        {"units": "today"},
        {"overlap": {"current": -1, "previous": 0}},
        {"rows": [{"key": "a", "label": "a", "current": 1, "previous": 0, "change_percent": None}]},
        {"known_at": "05/02/2020"},
    ],
)
def test_what_is_wrong_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate({**comparison(), **wrong})
