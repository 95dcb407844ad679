"""A correlation's state as bytes: compact JSON, with the version of its form and the digest of its rule."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from fractions import Fraction
from hashlib import sha256
from typing import Any

from correlator.numbers import whole
from correlator.rule import Correlation
from correlator.windows.group import Group, Plan
from correlator.windows.hits import Evidence, Hit, SharedEntities, WindowCounts

VERSION = 1


def digest_of(correlation: Correlation, below: Iterable[str] = ()) -> str:
    """What a correlation is to its state, as SHA-256: what it counts, by what and how, and the digests below it."""
    paths = (correlation.group_paths, correlation.value_paths, correlation.carry_paths)
    said = (
        VERSION,
        str(correlation.type),
        correlation.rules,
        str(correlation.timespan),
        [(bound.op, str(bound.value)) for bound in correlation.bounds],
        str(correlation.expression),
        str(correlation.percentile),
        correlation.alerts,
        correlation.group_by,
        correlation.fields,
        correlation.carry,
        [sorted(mapping.items()) for mapping in paths],
        list(below),
    )
    return sha256(json.dumps(said).encode()).hexdigest()


def dump(digest: str, plan: Plan, groups: Iterable[Group]) -> bytes:
    """The groups in the order in which they were touched last."""
    numbers = plan.correlation.type.takes_numbers
    said = {
        "version": VERSION,
        "digest": digest,
        "counts": asdict(plan.counts),
        "groups": [_group_data(group, numbers) for group in groups],
    }
    return json.dumps(said, separators=(",", ":")).encode()


def load(data: bytes, digest: str, plan: Plan) -> list[Group] | None:
    """The groups, and the plan with their counts; None where the bytes are not of this form and rule, or broken."""
    try:
        said = json.loads(data)
        if (said["version"], said["digest"]) != (VERSION, digest):
            return None
        groups = [_group(one, plan) for one in said["groups"]]
        plan.counts = WindowCounts(**said["counts"])
    except (ValueError, TypeError, KeyError, IndexError, ZeroDivisionError, RecursionError):
        return None
    plan.held = sum(len(group.hits) for group in groups)
    return groups


def _group_data(group: Group, numbers: bool) -> list[Any]:
    return [
        group.key,
        [_hit_data(hit, numbers) for hit in group.hits],
        [group.low, group.done, group.edge],
        group.entities,
        [group.shared.newest, group.shared.at, group.shared.broken],
        [group.decided, group.settled_stretch, sorted(group.told)],
    ]


def _group(data: list[Any], plan: Plan) -> Group:
    key, hits, (low, done, edge), entities, (newest, at, broken), (decided, stretch, told) = data
    group = Group(plan, tuple(key))
    numbers = plan.correlation.type.takes_numbers
    group.hits = [_hit(one, numbers) for one in hits]
    group.low, group.done, group.edge = low, done, edge
    group.entities = entities
    group.shared = SharedEntities(newest, at, broken)
    group.decided, group.settled_stretch, group.told = decided, stretch, set(told)
    group.rebuild()
    return group


def _hit_data(hit: Hit, numbers: bool) -> list[Any]:
    value = [str(number) for number in hit.value] if numbers else hit.value
    return [hit.at, hit.event, hit.rule, value, hit.carried, hit.evidence]


def _hit(data: list[Any], numbers: bool) -> Hit:
    at, event, rule, value, carried, evidence = data
    return Hit(
        at,
        event,
        rule,
        tuple(whole(Fraction(number)) for number in value) if numbers else tuple(map(tuple, value)),
        tuple(map(tuple, carried)),
        Evidence(tuple(evidence[0]), evidence[1], evidence[2]) if evidence else None,
    )
