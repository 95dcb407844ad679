"""`rules`: what each Sigma rule is worth here, before it matters."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from vonggac.bootstrap import load_rules, utc_now
from vonggac.call import Call
from vonggac.dated import in_force, kind_maps
from vonggac.domain.kinds import classified_data
from vonggac.domain.times import day_in_vietnam
from vonggac.errors import NotFound


@click.group()
def rules() -> None:
    """Check, test and explain Sigma rules."""


@rules.command()
@click.argument("paths", metavar="PATH…", nargs=-1)
@click.pass_obj
def check(call: Call, paths: tuple[str, ...]) -> None:
    """One object per rule: path, id, status (ok, unsupported, invalid), reason, line. Default: the shipped rules."""
    loaded = load_rules(call.settings, paths)
    items = [
        {"path": each.path, "id": each.id, "status": each.status, "reason": each.reason, "line": each.line}
        for each in loaded.statuses
    ]
    call.table(items, ("status", "path", "line", "reason"))
    call.refused += len(loaded.faults)


@rules.command("test")
@click.argument("paths", metavar="PATH…", nargs=-1, required=True)
@click.option("--on", "sources", multiple=True, required=True, help="A capture or log to run them on.")
@click.pass_obj
def test_(call: Call, paths: tuple[str, ...], sources: tuple[str, ...]) -> None:
    """How often each rule fires on given inputs."""
    from collections import Counter

    from correlator.engine import Correlator
    from sensors.base import Origin
    from vonggac.commands.detecting import batches

    loaded = load_rules(call.settings, paths)
    for fault in loaded.faults:
        call.refuse(fault)
    correlator = Correlator(loaded.rules)
    fired: Counter[str] = Counter()
    for batch in batches(call, sources, Origin(call.settings.sensor_name)):
        fired.update(found.rule.id for found in correlator.feed(batch.events))
    fired.update(found.rule.id for found in correlator.finish())
    items = [
        {"id": each.id, "path": each.path, "detections": fired[each.id]}
        for each in loaded.statuses
        if each.status == "ok"
    ]
    call.table(items, ("detections", "path", "id"))


@rules.command()
@click.argument("rule", metavar="RULE")
@click.option("--rules", "paths", multiple=True, help="Where to look for it (default: the shipped rules).")
@click.pass_obj
def explain(call: Call, rule: str, paths: tuple[str, ...]) -> None:
    """What a rule says, how it is understood and what guards it; RULE is an id or a file's name (all rules in it)."""
    from correlator.sigma.explain import explained

    loaded = load_rules(call.settings, paths)
    wanted = [each for each in loaded.statuses if rule in (each.id, Path(each.path).stem, each.path)]
    if not wanted:
        raise NotFound("unknown_rule", rule=rule)
    by_id = {each.info.id: each for each in loaded.rules}
    for status in wanted:
        item: dict[str, object] = asdict(status)
        found = by_id.get(status.id) if status.status == "ok" else None
        if found is not None:
            info, kinds = found.info, in_force(kind_maps(), day_in_vietnam(utc_now()))
            item |= {
                "title": info.name,
                "title_vi": info.name_vi,
                "level": info.level,
                "author": info.author,
                **classified_data(kinds.classify(info.category, info.rsit, info.tags)),
                "kind": info.kind,
                "entity": info.entity,
                "techniques": list(info.techniques),
                **explained(found),
            }
        call.show(item)
