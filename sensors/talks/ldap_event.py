"""What an LDAP operation with its result becomes. Field names are those of Zeek's ldap.log and ldap_search.log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sensors.decode import ldap
from sensors.decode.ldap import Result
from sensors.streams import Moment
from sensors.talks.login import Login
from sensors.talks.talk import Found
from vonggac.domain.event import Document, put


@dataclass(slots=True)
class Operation:
    begun: Moment
    ordinal: int
    fields: Document
    user: Document = field(default_factory=dict)
    login: Login | None = None

    def count(self, kind: int) -> None:
        """One more entry or reference of a search."""
        name = "reference_count" if kind == ldap.REFERENCE else "result_count"
        if kind != ldap.INTERMEDIATE:
            self.fields[name] = self.fields.get(name, 0) + 1


def ask(operation: Operation, kind: int, contents: bytes) -> bytes:
    """Put what the request says into its event; the security token of a bind is given back."""
    if kind == ldap.BIND:
        return _bind(operation, contents)
    if asked := _ASKED.get(kind):
        asked(operation.fields, contents)
    return b""


def _bind(operation: Operation, contents: bytes) -> bytes:
    said = ldap.decode_bind(contents)
    operation.fields |= {"version": said.version, "mechanism": said.mechanism}
    put(operation.fields, "object", said.name or None)
    put(operation.fields, "password", said.password or None)
    if said.mechanism == "simple" and said.name:
        operation.user = {"name": said.name}
    return said.token


def _search(fields: Document, contents: bytes) -> None:
    said = ldap.decode_search(contents)
    fields |= {
        "base_object": said.base,
        "scope": said.scope,
        "deref_aliases": said.aliases,
        "filter": said.filter,
        "result_count": 0,
    }
    put(fields, "size_limit", said.size_limit or None)
    put(fields, "attributes", list(said.attributes) or None)


def _modify(fields: Document, contents: bytes) -> None:
    fields["object"], changes = ldap.decode_modify(contents)
    fields["changes"] = [{"operation": change.operation, "attribute": change.attribute} for change in changes]


def _add(fields: Document, contents: bytes) -> None:
    fields["object"], attributes = ldap.decode_add(contents)
    fields["attributes"] = list(attributes)


def _rename(fields: Document, contents: bytes) -> None:
    said = ldap.decode_rename(contents)
    fields |= {"object": said.name, "new_rdn": said.new_name, "delete_old_rdn": said.delete_old}
    put(fields, "new_superior", said.new_parent or None)


def _compare(fields: Document, contents: bytes) -> None:
    fields["object"], fields["argument"] = ldap.decode_compare(contents)


def _delete(fields: Document, contents: bytes) -> None:
    fields["object"] = ldap.decode_name(contents)


def _abandon(fields: Document, contents: bytes) -> None:
    fields["abandoned_message_id"] = ldap.decode_number(contents)


def _extended(fields: Document, contents: bytes) -> None:
    fields["oid"], fields["argument"] = ldap.decode_extended(contents)


_ASKED: dict[int, Callable[[Document, bytes], None]] = {
    ldap.SEARCH: _search,
    ldap.MODIFY: _modify,
    ldap.ADD: _add,
    ldap.DELETE: _delete,
    ldap.RENAME: _rename,
    ldap.COMPARE: _compare,
    ldap.ABANDON: _abandon,
    ldap.EXTENDED: _extended,
}


def operation_found(operation: Operation, result: Result | None, at: Moment | None) -> Found:
    """The event of an operation with its result, as far as they were seen."""
    fields = operation.fields
    event: Document = {}
    if at is not None:
        event["duration"] = max(0, at.ns - operation.begun.ns)
    if result is not None:
        fields |= {"result": result.name, "result_code": result.code}
        put(fields, "matched_dn", result.matched or None)
        put(fields, "diagnostic_message", result.message or None)
        if result.code != ldap.SASL_IN_PROGRESS:
            event["outcome"] = "success" if result.fine else "failure"
    if operation.login is not None:
        fields |= operation.login.fields
        operation.user = operation.user or operation.login.user
    document: Document = {"vonggac": {"ldap": fields}}
    if operation.user:
        document["user"] = dict(operation.user)
    return Found("ldap", operation.begun, operation.ordinal, document, event)
