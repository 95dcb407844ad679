"""What makes an event one, however it is written."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from tests.contracts.store_samples import event
from vonggac.domain.event import REQUIRED, fault, field, put


def without(path: str) -> dict[str, Any]:
    found = deepcopy(event("a"))
    *parents, last = path.split(".")
    here: Any = found
    for name in parents:
        here = here[name]
    del here[last]
    return found


@pytest.mark.parametrize("path", REQUIRED)
@pytest.mark.parametrize("empty", [None, "", []])
def test_what_every_event_has_is_named_where_it_is_missing_or_empty(path: str, empty: Any) -> None:
    assert fault(event("a")) is None
    assert fault(without(path)) == f"{path} is missing"
    emptied = without(path)
    put(emptied, path, "x")
    if "." in path:
        field(emptied, path.rpartition(".")[0])[path.rpartition(".")[2]] = empty
    else:
        emptied[path] = empty
    assert fault(emptied) == f"{path} is missing"


@pytest.mark.parametrize("path", REQUIRED[1:])
def test_a_flattened_name_comes_before_the_object(path: str) -> None:
    assert fault(without(path) | {path: "x"}) is None
    assert fault(event("a") | {path: ""}) == f"{path} is missing"


@pytest.mark.parametrize("top", ["event", "observer", "ecs"])
@pytest.mark.parametrize("other", ["text", ["id"], None, 7])
def test_what_is_no_object_holds_nothing(top: str, other: Any) -> None:
    assert str(fault(event("a") | {top: other})).startswith(top)
