"""What a mail becomes: ECS `email.*` and what ECS lacks, and a `file` event of each attachment."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import NamedTuple

from sensors.decode.lines import MAX_TEXT, fit
from sensors.decode.mail import addresses, date_ns, decoded, hop_addresses, url_host
from sensors.document import instant_text
from sensors.streams import Moment
from sensors.talks.body import Body
from sensors.talks.mail import Mail
from sensors.talks.talk import Found
from vonggac.domain.event import Document, put

#: Relays of the path and attachments shown in one event.
MAX_HOPS = 32
MAX_SHOWN = 32

_ADDRESSES = (("from", "from"), ("to", "to"), ("cc", "cc"), ("bcc", "bcc"), ("reply-to", "reply_to"))


class MailFields(NamedTuple):
    """`email` is ECS's; `own` goes under the protocol's name; the rest is related to the event."""

    email: Document
    own: Document
    hosts: tuple[str, ...]
    ips: tuple[str, ...]
    hashes: tuple[str, ...]


def mail_fields(mail: Mail) -> MailFields:
    """What the message's head and parts told, as far as they were seen."""
    fields = mail.fields
    email: Document = {}
    own: Document = {}
    for name, ours in _ADDRESSES:
        values = fields.get(name, [])
        found = [address for value in values for address in addresses(value)]
        if found:
            email[ours] = {"address": found}
        if values:
            own[ours] = decoded(values[0])
    if sender := [address for value in fields.get("sender", []) for address in addresses(value)]:
        email["sender"] = {"address": sender[0]}
    put(email, "subject", _text(fields, "subject"))
    put(email, "message_id", (_text(fields, "message-id") or "").strip("<> ") or None)
    put(email, "x_mailer", _text(fields, "x-mailer"))
    put(email, "content_type", (_text(fields, "content-type") or "").partition(";")[0].strip().lower() or None)
    date = _text(fields, "date")
    composed = date_ns(date) if date else None
    put(email, "origination_timestamp", instant_text(composed) if composed is not None else None)
    put(own, "date", date)
    put(own, "user_agent", _text(fields, "user-agent"))
    put(own, "in_reply_to", (_text(fields, "in-reply-to") or "").strip("<> ") or None)
    origin = (_text(fields, "x-originating-ip") or "").strip("[] ")
    put(own, "x_originating_ip", origin or None)
    received = fields.get("received", [])
    hops = [hop for value in received[:MAX_HOPS] for hop in hop_addresses(value)]
    if received:
        own["received"] = [decoded(value) for value in received[:MAX_HOPS]]
    if hops:
        own["path"] = list(dict.fromkeys(hops))[:MAX_HOPS]
    if mail.urls:
        own["urls"] = mail.urls
    own["message_bytes"] = mail.size + mail.missing
    if mail.attachments:
        email["attachments"] = [{"file": _file(one.name, one.body)} for one in mail.attachments[:MAX_SHOWN]]
    if mail.attachments_count > len(email.get("attachments", ())):
        own["attachments_count"] = mail.attachments_count
    hosts = [url_host(url) for url in mail.urls]
    hosts += [one.rpartition("@")[2].lower() for one in email.get("from", {}).get("address", ())]
    ips = [*hops, *filter(is_ip, (origin, *hosts))]
    hashes = [value for one in mail.attachments for value in one.body.hashes.values()]
    return MailFields(email, own, names_only(hosts), tuple(ips), tuple(hashes))


def files_found(mail: Mail, protocol: str, *, upload: bool) -> Iterator[Found]:
    """The events of a message's attachments; `upload`: the client sent it."""
    for one in mail.attachments:
        yield file_found(one.name, one.body, protocol, one.begun, one.ordinal, upload=upload)


def file_found(name: str, body: Body, protocol: str, begun: Moment, ordinal: int, *, upload: bool) -> Found:
    """The event of a body that went by in a protocol without URLs."""
    fields: Document = {"file": _file(name, body)}
    fields["vonggac"] = {
        "file": {
            "direction": "request" if upload else "response",
            "complete": body.complete and not body.missing,
            "missing_bytes": body.missing,
            "protocol": protocol,
        }
    }
    return Found("file", begun, ordinal, fields, {}, (), (), tuple(body.hashes.values()))


def _file(name: str, body: Body) -> Document:
    file: Document = {"size": body.size + body.missing}
    put(file, "name", fit(name, 255) or None)
    extension = name.rpartition(".")[2] if "." in name else ""
    put(file, "extension", extension.lower() if extension.isalnum() and len(extension) <= 16 else None)
    put(file, "mime_type", body.mime_type)
    if hashes := body.hashes:
        file["hash"] = hashes
    return file


def names_only(hosts: list[str]) -> tuple[str, ...]:
    """The host names among these: with a dot, and no addresses."""
    return tuple(dict.fromkeys(host for host in hosts if "." in host and not is_ip(host.strip("[]"))))


def is_ip(text: str) -> bool:
    if not (text[-1:].isdigit() or ":" in text):
        return False  # names are many, and this is much cheaper
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _text(fields: dict[str, list[str]], name: str) -> str | None:
    values = fields.get(name)
    return (decoded(values[0], MAX_TEXT) or None) if values else None
