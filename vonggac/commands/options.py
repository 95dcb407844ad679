"""What several commands share: the node they work on, their inputs, and passwords from standard input."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vonggac.bootstrap import Node, bootstrap
from vonggac.call import Call
from vonggac.errors import UnknownInput, UsageRefused
from vonggac.numbers import incident_named

if TYPE_CHECKING:
    from sensors.base import Origin


def node_of(call: Call) -> Node:
    """The node of a call's settings; its store is closed when the call ends."""
    node = bootstrap(call.settings)
    click.get_current_context().call_on_close(node.close)
    return node


def named(node: Node, name: str) -> str:
    """The id of the incident that was named by its id or number."""
    return incident_named(node.store.incidents, name)


def kept(call: Call, origin: Origin) -> Origin:
    """The origin with the ring that its packets go to, closed when the call ends."""
    from vonggac.evidence import keeping

    origin = keeping(call.settings, origin)
    if origin.ring is not None:
        click.get_current_context().call_on_close(origin.ring.close)
    return origin


def rule_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--rules` and `--indicators`, each any number of times."""
    command = click.option(
        "--indicators", multiple=True, help="STIX 2.1 bundle, MISP JSON, CSV or plain list of indicators."
    )(command)
    return click.option("--rules", multiple=True, help="Sigma file or folder (default: the shipped rules).")(command)


def origin_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--sensor` and `--agency`: who saw the traffic."""
    command = click.option("--agency", help="Code of the agency the sensor stands in.")(command)
    return click.option("--sensor", "sensor_name", help="Name of the sensor; event ids derive from it.")(command)


def filter_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--filter`, for the interfaces among the sources."""
    return click.option("--filter", "bpf", default="", help="BPF filter for iface:NAME, as tcpdump takes it.")(command)


def follow_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--follow`, for logs that grow."""
    text = "Logs and folders of them: go on where the last call stood, and with what is added, until a signal."
    return click.option("--follow", is_flag=True, help=text)(command)


def read_password() -> str:
    """The first line of standard input."""
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise UsageRefused("password_missing")
    return line


def write_out(path: Path, data: bytes) -> None:
    """The file holds the data. Raises UnknownInput where its folder is not there."""
    try:
        path.write_bytes(data)
    except FileNotFoundError as error:
        raise UnknownInput("os_refused", location=path, reason=error.strerror) from error


def choice(value: str, kind: type, what: str) -> Any:
    """The member of a StrEnum, or UsageRefused that lists them."""
    try:
        return kind(value)
    except ValueError as error:
        known = ", ".join(str(member) for member in kind)  # type: ignore[attr-defined]
        raise UsageRefused("bad_choice", value=value, what=what, known=known) from error
