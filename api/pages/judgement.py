"""Why an incident is of its kind and how its severity was reckoned, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.pages.words import Words
from vonggac.dated import question_of
from vonggac.domain.incident import PERSON, Incident
from vonggac.domain.severity import Grounds, rating_from


def because(reason: str, by: str, words: Words) -> str:
    """`by technique T1486 (map qd05-rsit-1)`, or which person said so; empty where nobody said why."""
    if not reason:
        return ""
    key, _, name = reason.partition(" ")
    said = words.say(f"because.{key}", name=name, person=by)
    return said if reason == PERSON else f"{said} ({by})"


def grounds(found: Grounds, words: Words) -> str:
    """`rule high, system Portal of level 4, 12 machines`: only what raised or could raise it."""
    parts = [words.say("grounds.rule", level=words.say(f"level.{found.level}"))]
    if found.system_level:
        parts.append(words.say("grounds.system", system=found.system, level=found.system_level))
    if found.machines > 1:
        parts.append(words.say("grounds.machines", count=words.number(found.machines)))
    if found.agencies > 1:
        parts.append(words.say("grounds.agencies", count=words.number(found.agencies)))
    return ", ".join(parts)


def grounds_of(data: Mapping[str, Any], words: Words) -> str:
    """Of an entry that holds a rating."""
    return grounds(rating_from(data).grounds, words)


def class_line(incident: Incident, words: Words) -> str:
    return because(incident.classed_because, incident.classed_by, words)


def severity_line(incident: Incident, words: Words) -> str:
    """What a person's rating, or the correlator's, rests on."""
    if incident.rated_by:
        return words.say("because.person", person=incident.rated_by)
    return grounds(incident.rating.grounds, words) if incident.rating else ""


def conditions_of(data: Mapping[str, Any], words: Words) -> str:
    """`service interrupted; its owner cannot handle it`, of an entry `graded`; a dash where nothing holds."""
    told = [words.say(f"grade.{name}") for name in data["conditions"]]
    if data["beyond_owner"]:
        told.append(words.say("grade.beyond_owner"))
    return "; ".join(told) or "–"


def grading_line(incident: Incident, words: Words) -> str:
    """What a person said to the question of the law; empty where nobody did."""
    grading = incident.grading
    if grading is None:
        return ""
    conditions = conditions_of({"conditions": grading.conditions, "beyond_owner": grading.beyond_owner}, words)
    return words.say("grade.by", conditions=conditions, person=grading.by)


def question_line(incident: Incident, words: Words) -> str:
    """What the law asks a person to judge, for the level of the system; empty where it does not, or was answered."""
    basis = question_of(incident)
    if not basis or incident.grading is not None:
        return ""
    systems = ", ".join(incident.systems)
    return words.say("incident.question", basis=basis, systems=systems, level=incident.system_level)
