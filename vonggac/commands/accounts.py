"""`user` and `token`: who may come in."""

from __future__ import annotations

from pathlib import Path

import click

from vonggac.call import Call
from vonggac.commands.options import choice, node_of, read_password
from vonggac.domain.access import UserRole
from vonggac.errors import NotFound, UsageRefused

ROLES = [str(role) for role in UserRole]
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


@click.group()
def user() -> None:
    """People who may log in."""


@user.command()
@click.argument("name")
@click.option("--role", required=True, type=click.Choice(ROLES))
@click.option("--agency", help="Code of the agency; none for the national centre.")
@click.option("--password-stdin", is_flag=True, help="The password is the first line of standard input.")
@click.pass_obj
def add(call: Call, name: str, role: str, agency: str | None, password_stdin: bool) -> None:
    """A new user."""
    password = read_password() if password_stdin else None
    made = node_of(call).accounts.add_user(name, choice(role, UserRole, "role"), agency, password)
    call.show({"name": made.name, "role": str(made.role), "agency": made.agency})


@user.command("list")
@click.pass_obj
def list_(call: Call) -> None:
    """Everybody."""
    items = [
        {"name": each.name, "role": str(each.role), "agency": each.agency, "password": each.has_password}
        for each in node_of(call).accounts.users()
    ]
    call.table(items, ("name", "role", "agency", "password"))


@user.command()
@click.argument("name")
@click.option("--password-stdin", is_flag=True, required=True)
@click.pass_obj
def passwd(call: Call, name: str, password_stdin: bool) -> None:
    """Another password."""
    node_of(call).accounts.set_password(name, read_password())
    call.show({"name": name, "changed": password_stdin})


@user.command()
@click.argument("name")
@click.pass_obj
def remove(call: Call, name: str) -> None:
    """Gone; sessions that are open end with their time."""
    node_of(call).accounts.remove_user(name)
    call.show({"name": name, "removed": True})


@user.command()
@click.argument("name")
@click.pass_obj
def link(call: Call, name: str) -> None:
    """A one-time login link for a user (path and query; put the console's address before it)."""
    accounts = node_of(call).accounts
    for each in accounts.users():
        if each.name == name:
            call.show({"name": name, "path": f"/login/link?code={accounts.one_time_link(each.principal)}"})
            return
    raise NotFound("unknown_user", name=name)


@click.group()
def token() -> None:
    """Tokens for programs."""


@token.command()
@click.option("--role", required=True, type=click.Choice(ROLES))
@click.option("--agency", help="Code of the agency; none for the national centre.")
@click.option("--label", default="", help="What it is for.")
@click.option("--certificate", type=click.Path(path_type=Path), help="PEM file of a client certificate instead.")
@click.pass_obj
def create(call: Call, role: str, agency: str | None, label: str, certificate: Path | None) -> None:
    """A new token, printed once; or a client certificate that is taken as one (serve.tls_client_ca)."""
    accounts, kind = node_of(call).accounts, choice(role, UserRole, "role")
    if certificate is None:
        made = {"token": accounts.create_token(kind, agency, label)}
    else:
        made = {"certificate": accounts.admit_certificate(_der(certificate), kind, agency, label)}
    call.show({**made, "role": role, "agency": agency, "label": label})


def _der(path: Path) -> bytes:
    """The first certificate of a PEM file. Raises UsageRefused."""
    import ssl

    try:
        text = path.read_text("ascii")
        begin = text.index(_BEGIN)
        return ssl.PEM_cert_to_DER_cert(text[begin : text.index(_END, begin) + len(_END)])
    except (OSError, ValueError) as error:
        raise UsageRefused("no_certificate", path=path, reason=error) from error
