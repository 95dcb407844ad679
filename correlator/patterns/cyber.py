"""An ECS event as STIX cyber-observable objects (STIX 2.1 §6), as far as the event says them.

docs/indicators.md has the table. Only what a pattern can name is made; an id says what the object is in this event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from correlator.facts import Facts

Object = dict[str, Any]

#: STIX name of a hash -> ECS suffix (STIX 2.1 §10.2).
_HASHES = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-512": "sha512"}
_DOMAINS = (
    "dns.question.name",
    "tls.client.server_name",
    "url.domain",
    "source.domain",
    "destination.domain",
    "related.hosts",
)
_ADDRESSES = ("source.ip", "destination.ip", "related.ip", "dns.resolved_ip")
_MAIL = {"from_ref": "email.from.address", "sender_ref": "email.sender.address"}
_MAIL_LISTS = {
    "to_refs": "email.to.address",
    "cc_refs": "email.cc.address",
    "bcc_refs": "email.bcc.address",
}


def objects_of(facts: Facts) -> dict[str, Object]:
    """The objects that an event speaks of, by id; what refers to an object holds its id."""
    objects: dict[str, Object] = {}
    for make in _MAKERS:
        make(facts, objects)
    return objects


def _put(objects: dict[str, Object], kind: str, place: str, /, **properties: Any) -> str | None:
    """The id of an object of that kind with these properties, those that are None left out; None if none is left."""
    held = {key: value for key, value in properties.items() if value not in (None, [], {})}
    if not held:
        return None
    identity = f"{kind}--{place}"
    objects.setdefault(identity, {"type": kind, "id": identity}).update(held)
    return identity


def _first(facts: Facts, *paths: str) -> Any:
    return next((facts.get(path)[0] for path in paths if facts.get(path)), None)


def _text(facts: Facts, *paths: str) -> str | None:
    value = _first(facts, *paths)
    return None if value is None else str(value)


def _number(facts: Facts, path: str) -> int | None:
    value = _first(facts, path)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20 else None


def _hashes(facts: Facts, place: str) -> dict[str, str]:
    found = {name: _text(facts, f"{place}.hash.{suffix}") for name, suffix in _HASHES.items()}
    return {name: value.lower() for name, value in found.items() if value}


def _address(objects: dict[str, Object], value: Any) -> str | None:
    if not isinstance(value, str) or not value:
        return None
    kind = "ipv6-addr" if ":" in value else "ipv4-addr"
    return _put(objects, kind, value, value=value)


def _domain(objects: dict[str, Object], value: Any) -> str | None:
    name = str(value).lower().rstrip(".")
    return _put(objects, "domain-name", name, value=name or None)


def _names(facts: Facts, objects: dict[str, Object]) -> None:
    for path in _ADDRESSES:
        for value in facts.get(path):
            _address(objects, value)
    for path in _DOMAINS:
        for value in facts.get(path):
            _domain(objects, value)
    question = _text(facts, "dns.question.name")
    resolved = [_address(objects, value) for value in facts.get("dns.resolved_ip")]
    if question and resolved:
        objects[f"domain-name--{question.lower().rstrip('.')}"]["resolves_to_refs"] = resolved


def _systems(facts: Facts, objects: dict[str, Object]) -> None:
    """Hardware addresses, autonomous systems, and the addresses that belong to them."""
    for side in ("source", "destination"):
        address = _address(objects, _first(facts, f"{side}.ip"))
        hardware = _text(facts, f"{side}.mac")
        mac = _put(objects, "mac-addr", side, value=hardware.replace("-", ":").lower() if hardware else None)
        number = _number(facts, f"{side}.as.number")
        system = _put(
            objects, "autonomous-system", side, number=number, name=_text(facts, f"{side}.as.organization.name")
        )
        if address:
            objects[address] |= {"resolves_to_refs": [mac]} if mac else {}
            objects[address] |= {"belongs_to_refs": [system]} if system else {}


def _urls(facts: Facts, objects: dict[str, Object]) -> None:
    for value in (*facts.get("url.full"), *facts.get("url.original")):
        text = str(value)
        if "://" not in text:
            host = _text(facts, "url.domain", "destination.ip")
            text = f"{_text(facts, 'url.scheme') or 'http'}://{host}{text}" if host and text.startswith("/") else ""
        if text:
            _put(objects, "url", text, value=text)


def _traffic(facts: Facts, objects: dict[str, Object]) -> None:
    source, destination = (_address(objects, _first(facts, f"{side}.ip")) for side in ("source", "destination"))
    if source is None and destination is None:
        return
    family = "ipv6" if str(_first(facts, "source.ip", "destination.ip")).count(":") else "ipv4"
    said = [_text(facts, "network.type") or family, _text(facts, "network.transport"), _text(facts, "network.protocol")]
    protocols = list(dict.fromkeys(name.lower() for name in said if name))
    _put(
        objects,
        "network-traffic",
        "0",
        src_ref=source,
        dst_ref=destination,
        src_port=_number(facts, "source.port"),
        dst_port=_number(facts, "destination.port"),
        protocols=protocols,
        src_byte_count=_number(facts, "source.bytes"),
        dst_byte_count=_number(facts, "destination.bytes"),
        src_packets=_number(facts, "source.packets"),
        dst_packets=_number(facts, "destination.packets"),
        start=_text(facts, "event.start"),
        end=_text(facts, "event.end"),
        extensions=_extensions(facts),
    )


def _extensions(facts: Facts) -> dict[str, Object]:
    headers = {
        "Host": _text(facts, "url.domain"),
        "User-Agent": _text(facts, "user_agent.original"),
        "Referer": _text(facts, "http.request.referrer"),
        "Content-Type": _text(facts, "http.request.mime_type"),
    }
    method = _text(facts, "http.request.method")
    request: Object = {
        "request_method": method.lower() if method else None,
        "request_value": _text(facts, "url.original", "url.path"),
        "request_version": _text(facts, "http.version") if method else None,
        "message_body_length": _number(facts, "http.request.body.bytes"),
        "request_header": {name: value for name, value in headers.items() if value} if method else None,
    }
    icmp: Object = {
        "icmp_type_hex": _octet(facts, "vonggac.icmp.type"),
        "icmp_code_hex": _octet(facts, "vonggac.icmp.code"),
    }
    found: dict[str, Object] = {"http-request-ext": request if method else {}, "icmp-ext": icmp}
    held = {name: {key: value for key, value in part.items() if value is not None} for name, part in found.items()}
    return {name: part for name, part in held.items() if part}


def _octet(facts: Facts, path: str) -> str | None:
    value = _number(facts, path)
    return None if value is None else f"{value:02x}"


def _files(facts: Facts, objects: dict[str, Object]) -> None:
    path, name = _text(facts, "file.path"), _text(facts, "file.name")
    folder = _text(facts, "file.directory")
    _put(
        objects,
        "file",
        "0",
        name=name or (path.replace("\\", "/").rpartition("/")[2] if path else None),
        size=_number(facts, "file.size"),
        mime_type=_text(facts, "file.mime_type"),
        hashes=_hashes(facts, "file"),
        parent_directory_ref=_put(objects, "directory", folder or "", path=folder),
    )


def _mail(facts: Facts, objects: dict[str, Object]) -> None:
    def address(value: Any) -> str | None:
        return _put(objects, "email-addr", str(value).lower(), value=str(value))

    singles = {name: address(value) for name, path in _MAIL.items() if (value := _first(facts, path)) is not None}
    lists = {name: [address(value) for value in facts.get(path)] for name, path in _MAIL_LISTS.items()}
    _put(
        objects,
        "email-message",
        "0",
        subject=_text(facts, "email.subject"),
        message_id=_text(facts, "email.message_id"),
        date=_text(facts, "email.origination_timestamp"),
        content_type=_text(facts, "email.content_type"),
        **singles,
        **lists,
    )


def _accounts(facts: Facts, objects: dict[str, Object]) -> None:
    for place in ("user", "source.user", "destination.user", "user.target"):
        name = _text(facts, f"{place}.name")
        _put(objects, "user-account", place, user_id=_text(facts, f"{place}.id") or name, account_login=name)


def _processes(facts: Facts, objects: dict[str, Object]) -> None:
    parent = _process(facts, objects, "process.parent", None)
    _process(facts, objects, "process", parent)


def _process(facts: Facts, objects: dict[str, Object], place: str, parent: str | None) -> str | None:
    executable = _text(facts, f"{place}.executable", f"{place}.name")
    image = _put(
        objects,
        "file",
        f"{place}.image",
        name=executable.replace("\\", "/").rpartition("/")[2] if executable else None,
        hashes=_hashes(facts, place),
    )
    return _put(
        objects,
        "process",
        place,
        pid=_number(facts, f"{place}.pid"),
        command_line=_text(facts, f"{place}.command_line"),
        cwd=_text(facts, f"{place}.working_directory"),
        image_ref=image,
        parent_ref=parent,
    )


def _registry(facts: Facts, objects: dict[str, Object]) -> None:
    key = _text(facts, "registry.key", "registry.path")
    value = {"name": _text(facts, "registry.value"), "data": _text(facts, "registry.data.strings")}
    values = [{name: text for name, text in value.items() if text}] if any(value.values()) else None
    _put(objects, "windows-registry-key", "0", key=key, values=values if key else None)


def _certificates(facts: Facts, objects: dict[str, Object]) -> None:
    for side in ("tls.server", "tls.client"):
        _put(
            objects,
            "x509-certificate",
            side,
            subject=_text(facts, f"{side}.subject", f"{side}.x509.subject.distinguished_name"),
            issuer=_text(facts, f"{side}.issuer", f"{side}.x509.issuer.distinguished_name"),
            serial_number=_text(facts, f"{side}.x509.serial_number"),
            validity_not_before=_text(facts, f"{side}.not_before", f"{side}.x509.not_before"),
            validity_not_after=_text(facts, f"{side}.not_after", f"{side}.x509.not_after"),
            hashes=_hashes(facts, side),
        )


_MAKERS: Iterable[Callable[[Facts, dict[str, Object]], None]] = (
    _names,
    _systems,
    _urls,
    _traffic,
    _files,
    _mail,
    _accounts,
    _processes,
    _registry,
    _certificates,
)


def types_in(objects: Mapping[str, Mapping[str, Any]]) -> frozenset[str]:
    return frozenset(each["type"] for each in objects.values())
