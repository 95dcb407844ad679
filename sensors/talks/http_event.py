"""What an HTTP exchange and a body become: fields of `http` and `file` events."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import NamedTuple

from sensors.decode.http import MAX_SAMPLE, Head, page_title, percent_decoded, split_target, text_sample
from sensors.streams import Moment
from sensors.talks.body import Body
from sensors.talks.dns import domain_parts
from sensors.talks.talk import Found
from vonggac.domain.event import Document, put

_FILENAME = re.compile(r"filename\*?\s*=\s*(?:UTF-8'[^']*')?\"?([^\";]{1,255})", re.I)
_FORWARDED = re.compile(r"\[([0-9a-fA-F:.]{2,45})\](?::\d{1,5})?|(\d{1,3}(?:\.\d{1,3}){3})(?::\d{1,5})?")
#: Bytes that text does not have.
_NO_TEXT = bytes((*range(9), *range(14, 27)))


@dataclass(slots=True)
class Exchange:
    """A request with its response, or either alone."""

    begun: Moment
    ordinal: int
    request: Head | None = None
    response: Head | None = None
    request_body: Body | None = None
    response_body: Body | None = None
    request_done: bool = False
    response_done: bool = False
    answered_ns: int = 0
    stream: int = 0  # of HTTP/2

    @property
    def finished(self) -> bool:
        return self.response_done and self.request_done

    @property
    def unasked(self) -> bool:
        """A response whose request was not seen, or not yet: segments may be captured out of order."""
        return self.request is None and self.response_done


def http_found(exchange: Exchange) -> Found:
    """The event of an exchange as far as it was seen."""
    fields: Document = {"http": {}, "vonggac": {"http": {}}}
    ips: list[str] = []
    hosts: list[str] = []
    event: Document = {}
    if exchange.request is not None:
        _request(fields, exchange.request, exchange.request_body, hosts, ips)
    if exchange.response is not None:
        _response(fields, exchange.response, exchange.response_body)
        event["outcome"] = "success" if exchange.response.status < 400 else "failure"
    elif exchange.response_body is not None:
        put(fields, "http.response.body.bytes", exchange.response_body.size)
        put(fields, "http.response.mime_type", exchange.response_body.mime_type)
    if exchange.stream:
        put(fields, "vonggac.http.stream_id", exchange.stream)
    if exchange.answered_ns:
        event["duration"] = max(0, exchange.answered_ns - exchange.begun.ns)
    if not fields["vonggac"]["http"]:
        del fields["vonggac"]
    return Found("http", exchange.begun, exchange.ordinal, fields, event, tuple(hosts), tuple(ips))


def _request(fields: Document, head: Head, body: Body | None, hosts: list[str], ips: list[str]) -> None:
    put(fields, "http.version", head.version)
    put(fields, "http.request.method", head.method)
    put(fields, "http.request.referrer", head.fields.get("referer"))
    url = url_fields(head, hosts, ips)
    fields["url"] = url
    if agent := head.fields.get("user-agent"):
        fields["user_agent"] = {"original": agent}
    put(fields, "vonggac.http.request.decoded", percent_decoded(head.target))
    put(fields, "vonggac.http.request.content_type", head.fields.get("content-type"))
    if forwarded := head.fields.get("x-forwarded-for"):
        put(fields, "vonggac.http.request.forwarded_for", forwarded)
        ips += [part for part in map(_forwarded, forwarded.split(",")) if _is_ip(part)]
    if body is None or not (body.size or body.missing):
        put(fields, "http.request.body.bytes", 0)
        return
    put(fields, "http.request.body.bytes", body.size)
    put(fields, "http.request.mime_type", body.mime_type)
    sample = body.sample[:MAX_SAMPLE]
    if _is_text(sample):
        put(fields, "vonggac.http.request.body", text_sample(sample, head.fields.get("content-type", "")))


def _response(fields: Document, head: Head, body: Body | None) -> None:
    if "version" not in fields["http"]:
        put(fields, "http.version", head.version)
    elif head.version != fields["http"]["version"]:
        put(fields, "vonggac.http.response.version", head.version)
    put(fields, "vonggac.http.response.status_msg", head.reason or None)
    put(fields, "http.response.status_code", head.status)
    content_type = head.fields.get("content-type")
    put(fields, "vonggac.http.response.content_type", content_type)
    put(fields, "vonggac.http.response.server", head.fields.get("server"))
    put(fields, "vonggac.http.response.location", head.fields.get("location"))
    if head.status == 101:
        put(fields, "vonggac.http.upgrade", head.fields.get("upgrade", "").lower() or None)
    put(fields, "http.response.body.bytes", body.size if body else 0)
    if body is None or not body.size:
        return
    shown = show(body, content_type or "", head.fields.get("content-encoding", ""))
    put(fields, "vonggac.http.title", shown.title)
    put(fields, "vonggac.http.response.body_sample", shown.sample)
    put(fields, "http.response.mime_type", shown.mime)


class Shown(NamedTuple):
    """What is told of a response's body: its media type and, of a page, the title and the first characters."""

    mime: str | None
    title: str | None = None
    sample: str | None = None


def show(body: Body, content_type: str, encoding: str) -> Shown:
    mime = body.mime_type
    if mime != "text/html" and "html" not in content_type.lower():
        return Shown(mime)
    text = text_sample(body.sample, content_type, encoding if encoding.lower() != "identity" else "")
    return Shown("text/html" if encoding and text else mime, page_title(text), text[:MAX_SAMPLE] or None)


def url_fields(head: Head, hosts: list[str], ips: list[str]) -> Document:
    """ECS `url.*` of a request; its host goes to the hosts or, as an address, to the ips."""
    target = split_target(head.method, head.target, head.fields.get("host", ""))
    url: Document = {"original": head.target, "scheme": "http"}
    if target.path:
        url["path"] = target.path
    name = target.path.rpartition("/")[2]
    if "." in name and name.rpartition(".")[2].isalnum():
        url["extension"] = name.rpartition(".")[2][:32]
    if target.query is not None:
        url["query"] = target.query
    if target.port is not None:
        url["port"] = target.port
    if target.domain:
        url["domain"] = target.domain
        port = f":{target.port}" if target.port not in (None, 80) else ""
        host = f"[{target.domain}]" if ":" in target.domain else target.domain
        query = f"?{target.query}" if target.query is not None else ""
        url["full"] = f"http://{host}{port}{target.path}{query}"
        if _is_ip(target.domain):
            ips.append(target.domain)
        else:
            hosts.append(target.domain)
            url |= domain_parts(target.domain)
    return url


def file_found(exchange: Exchange, body: Body, answering: bool) -> Found:
    """The event of a body that went by; each exchange has at most two, told apart by their ordinals."""
    ordinal = 2 * exchange.ordinal + (not answering)
    head = exchange.response if answering else exchange.request
    hosts: list[str] = []
    ips: list[str] = []
    fields: Document = {"file": {"size": body.size + body.missing}}
    if exchange.request is not None:
        fields["url"] = url_fields(exchange.request, hosts, ips)
    put(fields, "file.name", _name(head, exchange.request if answering else None))
    put(fields, "file.mime_type", body.mime_type)
    hashes = body.hashes
    if hashes:
        fields["file"]["hash"] = hashes
    fields["vonggac"] = {
        "file": {
            "direction": "response" if answering else "request",
            "complete": body.complete and not body.missing,
            "missing_bytes": body.missing,
        }
    }
    return Found("file", exchange.begun, ordinal, fields, {}, tuple(hosts), tuple(ips), tuple(hashes.values()))


def _name(head: Head | None, request: Head | None) -> str | None:
    """From Content-Disposition, else the last part of the path asked for."""
    if head is not None and (match := _FILENAME.search(head.fields.get("content-disposition", ""))):
        return match[1].strip().replace("\\", "/").rpartition("/")[2] or None
    if request is None:
        return None
    return split_target(request.method, request.target, "").path.rpartition("/")[2][:255] or None


def _forwarded(text: str) -> str:
    """One address of X-Forwarded-For without leading zeros, a port or brackets."""
    match = _FORWARDED.fullmatch(text.strip())
    if match is None:
        return text.strip()
    return match[1] or ".".join(str(int(part)) for part in match[2].split("."))


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_text(sample: bytes) -> bool:
    return bool(sample) and len(sample.translate(None, _NO_TEXT)) == len(sample)
