"""Which conditions a suppression may have: bounded, in their one spelling, and none that everything fulfils."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address, ip_interface, ip_network

from vonggac.domain.suppression import ADDRESS_FIELDS, ENTITY, FIELDS, Condition, Operator
from vonggac.domain.text import nfc
from vonggac.errors import UsageRefused

MAX_CONDITIONS = 20
MAX_VALUES = 200
MAX_CHARACTERS = 1_000
_FIELD = re.compile(r"[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)*")


def checked(conditions: Sequence[Condition], *, any_field: bool) -> tuple[Condition, ...]:
    """The conditions with their values as they are kept. Raises UsageRefused that names field and value.

    `any_field`: also one that only some correlation groups by.
    """
    if len(conditions) > MAX_CONDITIONS:
        raise UsageRefused("suppression_conditions", most=MAX_CONDITIONS)
    return tuple(_checked(condition, any_field) for condition in conditions)


def _checked(condition: Condition, any_field: bool) -> Condition:
    field, operator = condition.field, condition.operator
    if field not in FIELDS and not (any_field and len(field) <= MAX_CHARACTERS and _FIELD.fullmatch(field)):
        raise UsageRefused("suppression_field", field=field, known=", ".join(FIELDS))
    given = tuple(dict.fromkeys(nfc(value.strip()) for value in condition.values))
    if not 0 < len(given) <= MAX_VALUES:
        raise UsageRefused("suppression_values", field=field, most=MAX_VALUES)
    return Condition(field, operator, tuple(_value(field, operator, value) for value in given))


def _value(field: str, operator: Operator, value: str) -> str:
    if not 0 < len(value) <= MAX_CHARACTERS:
        raise _refused(field, value, f"1 … {MAX_CHARACTERS}")
    if operator is Operator.CIDR:
        return _network(field, value)
    if operator is Operator.LIKE and not value.strip("*?"):
        raise _refused(field, value, "*.example.vn, 10.1.*")
    if operator is Operator.BELOW:
        if field in ADDRESS_FIELDS or not value.strip("."):
            raise _refused(field, value, f"url.domain|{operator}=example.vn")
        return value.strip(".")
    if operator is Operator.IS and field in ADDRESS_FIELDS:
        try:
            return str(ip_address(value))
        except ValueError as error:
            raise _refused(field, value, f"192.0.2.1; {field}|cidr=192.0.2.0/24; {field}|like=192.0.*") from error
    return value


def _network(field: str, value: str) -> str:
    """A network of addresses; one whose host bits are set may be meant in two ways, and that of all addresses says
    nothing."""
    if field not in ADDRESS_FIELDS and field != ENTITY:
        raise _refused(field, value, ", ".join(sorted({*ADDRESS_FIELDS, ENTITY})))
    try:
        network = ip_network(value, strict=False)
        if network.prefixlen > 0 and str(network.network_address) == str(ip_interface(value).ip):
            return str(network)
    except ValueError as error:
        raise _refused(field, value, "192.0.2.0/24, 2001:db8::/32") from error
    if network.prefixlen == 0:
        raise _refused(field, value, "/1 … /32, /1 … /128")
    raise _refused(field, value, f"{network}, {ip_interface(value).ip}")


def _refused(field: str, value: str, wanted: str) -> UsageRefused:
    return UsageRefused("suppression_value", field=field, value=value, wanted=wanted)
