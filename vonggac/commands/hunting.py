"""`hunt`: is or was this in our network, as far as events are retained?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from vonggac.as_known import instant_of
from vonggac.bootstrap import indicator_files, load_rules
from vonggac.call import Call
from vonggac.commands.options import node_of
from vonggac.domain.indicator import Indicator, IndicatorKind
from vonggac.errors import UsageRefused

if TYPE_CHECKING:
    from vonggac.hunting import Answer


@click.command()
@click.option("--value", "values", multiple=True, help="An address, network, name, URL or hash.")
@click.option("--indicators", multiple=True, help="File of indicators to look for.")
@click.option("--rules", multiple=True, help="Sigma file or folder to run over the retained events.")
@click.option("--since", help="Not before this time.")
@click.option("--until", help="Before this time.")
@click.pass_obj
def hunt(
    call: Call,
    values: tuple[str, ...],
    indicators: tuple[str, ...],
    rules: tuple[str, ...],
    since: str | None,
    until: str | None,
) -> None:
    """For each value, pattern or rule: found with its event ids, not-found, or not-covered.

    A name is found with the names below it, a URL in any of its forms. Hours in which nobody was watching, a sensor was
    silent or data was lost are named with each answer.
    """
    if not (values or indicators or rules):
        raise UsageRefused("hunt_what")
    from vonggac.hunting import Hunter

    node = node_of(call)
    hunter = Hunter(node.store, node.clock, instant_of(since), instant_of(until))
    known = _indicators(call, indicators) if indicators else []
    patterns = [each for each in known if each.kind is IndicatorKind.PATTERN]
    _emit(call, hunter.values((*values, *(each.value for each in known if each.kind is not IndicatorKind.PATTERN))))
    _emit(call, hunter.patterns(patterns))
    if rules:
        loaded = load_rules(call.settings, rules)
        for fault in loaded.faults:
            call.refuse(fault)
        _emit(call, hunter.rules(loaded.rules))


def _indicators(call: Call, paths: tuple[str, ...]) -> list[Indicator]:
    files = indicator_files(call.settings, paths)
    known = list(files)
    for fault in files.faults:
        call.refuse(fault)
    return known


def _emit(call: Call, answers: Iterable[Answer]) -> None:
    call.emit_many([answer.data() for answer in answers])
