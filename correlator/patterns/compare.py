"""Comparison expressions as closures: is it true of an object, with the objects that it refers to at hand?"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from correlator.patterns.tree import Comparison, Every, Joint, Path, Step, Test
from correlator.patterns.values import predicate

#: The objects of one observation, by id.
Objects = Mapping[str, Mapping[str, Any]]
#: Whether the object (first) of these objects passes.
Check = Callable[[Mapping[str, Any], Objects], bool]


def compiled(comparison: Comparison) -> Check:
    """The closure of a comparison expression. All of it is about one object (§9.3). Raises PatternError."""
    if isinstance(comparison, Test):
        return _test(comparison)
    checks = [compiled(part) for part in comparison.parts]
    if comparison.joint is Joint.AND:
        return lambda root, objects: all(check(root, objects) for check in checks)
    return lambda root, objects: any(check(root, objects) for check in checks)


def types_of(comparison: Comparison) -> frozenset[str]:
    """The types of object that it can be true of."""
    if isinstance(comparison, Test):
        return frozenset({comparison.path.type})
    parts = [types_of(part) for part in comparison.parts]
    return frozenset.intersection(*parts) if comparison.joint is Joint.AND else frozenset.union(*parts)


def _test(test: Test) -> Check:
    kind, select = test.path.type, _selector(test.path)
    if test.operator == "EXISTS":
        return lambda root, objects: root.get("type") == kind and bool(select(root, objects)) is not test.negated
    passes = predicate(test)

    def check(root: Mapping[str, Any], objects: Objects) -> bool:
        return root.get("type") == kind and any(passes(value) for value in select(root, objects))

    return check


def _selector(path: Path) -> Callable[[Mapping[str, Any], Objects], list[Any]]:
    steps = [_stepper(step) for step in path.steps]

    def select(root: Mapping[str, Any], objects: Objects) -> list[Any]:
        values: list[Any] = [root]
        for step in steps:
            values = [found for value in values for found in step(value, objects)]
            if not values:
                break
        return values

    return select


def _stepper(step: Step) -> Callable[[Any, Objects], Iterable[Any]]:
    if step is Every.ITEM:
        return lambda value, objects: value if isinstance(value, list) else ()
    if isinstance(step, int):
        return lambda value, objects: value[step : step + 1] if isinstance(value, list) and step >= 0 else ()
    return _keyed(str(step))


def _keyed(key: str) -> Callable[[Any, Objects], Iterable[Any]]:
    """A step to a key: a reference becomes what it refers to, a list of references a list of those (§9.7.4); properties
    whose names end in `_hex` and `_bin` become bytes."""
    found = _reading(key)

    def step(value: Any, objects: Objects) -> Iterable[Any]:
        return found(value[key], objects) if isinstance(value, Mapping) and key in value else ()

    return step


def _reading(key: str) -> Callable[[Any, Objects], Iterable[Any]]:
    if key.endswith("_ref"):
        return lambda held, objects: _referred([held], objects)
    if key.endswith("_refs"):
        return lambda held, objects: _listed(_referred(held, objects)) if isinstance(held, list) else ()
    if key.endswith("_hex"):
        return lambda held, objects: _decoded(binascii.unhexlify, held)
    if key.endswith("_bin"):
        return lambda held, objects: _decoded(binascii.a2b_base64, held)
    return lambda held, objects: (held,)


def _referred(names: list[Any], objects: Objects) -> list[Any]:
    return [objects[name] for name in names if isinstance(name, str) and name in objects]


def _listed(found: list[Any]) -> Iterable[Any]:
    return (found,) if found else ()


def _decoded(decode: Callable[[str], bytes], held: Any) -> Iterable[Any]:
    try:
        return (decode(held),) if isinstance(held, str) else ()
    except ValueError:
        return ()
