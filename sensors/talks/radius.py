"""RADIUS: one event per request with its answer, in the words of Zeek's radius.log. Passwords are never read."""

from __future__ import annotations

from collections.abc import Iterator

from sensors.decode.address import address_text
from sensors.decode.radius import ACCEPTS, CODES, REJECTS, REQUESTS, Packet, decode_radius
from sensors.decode.text import wire_text
from sensors.streams import Moment
from sensors.talks.talk import Beginnings, Found
from vonggac.domain.event import Document

#: Requests of one flow that wait for their answers.
MAX_WAITING = 256

_USER, _PASSWORD, _CHAP, _NAS_IP, _NAS_PORT, _FRAMED, _REPLY, _TIMEOUT = 1, 2, 3, 4, 5, 8, 18, 27
_CALLED, _CALLING, _NAS_NAME, _STATUS, _SESSION, _TUNNEL_CLIENT, _CONNECT_INFO, _EAP, _NAS_IP6 = (
    30, 31, 32, 40, 44, 66, 77, 79, 95,
)  # fmt: skip
_TEXTS = {
    _USER: "username", _CALLED: "called_station", _CALLING: "mac", _NAS_NAME: "nas_identifier", _SESSION: "session_id",
    _TUNNEL_CLIENT: "tunnel_client", _CONNECT_INFO: "connect_info",
}  # fmt: skip
_ACCOUNTING = {1: "start", 2: "stop", 3: "interim_update", 7: "accounting_on", 8: "accounting_off"}


class RadiusTalk:
    name = "radius"
    done = False

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[Packet, Moment, int]] = {}  # by identifier, the oldest first
        self._beginnings = Beginnings()

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Found]:
        packet = decode_radius(data)
        if packet.code in REQUESTS:
            if packet.id in self._waiting:
                yield self._alone(packet.id)
            self._waiting[packet.id] = (packet, at, self._beginnings.next("radius", at))
            if len(self._waiting) > MAX_WAITING:
                yield self._alone(next(iter(self._waiting)))
            return
        request, begun, ordinal = self._waiting.pop(packet.id, (None, at, -1))
        if request is None:
            ordinal = self._beginnings.next("radius", at)
        yield _found(request, packet, begun, ordinal, at.ns - begun.ns)

    def gap(self, side: int, size: int, at: Moment) -> Iterator[Found]:
        return iter(())

    def close(self, clean: bool) -> Iterator[Found]:
        while self._waiting:
            yield self._alone(next(iter(self._waiting)))

    def _alone(self, ident: int) -> Found:
        request, begun, ordinal = self._waiting.pop(ident)
        return _found(request, None, begun, ordinal, None)


def _found(request: Packet | None, answer: Packet | None, begun: Moment, ordinal: int, took: int | None) -> Found:
    radius: Document = {}
    event: Document = {}
    fields: Document = {"vonggac": {"radius": radius}}
    ips: list[str] = []
    if request is not None:
        radius |= {"id": request.id, "request": CODES[request.code]}
        _request(radius, request, ips)
        if radius.get("username"):
            fields["user"] = {"name": radius["username"]}
    if answer is not None:
        radius |= {"id": answer.id, "response": CODES[answer.code]}
        if request is not None and took is not None:
            event["duration"] = took
        if answer.code in ACCEPTS | REJECTS:
            radius["result"] = "success" if answer.code in ACCEPTS else "failed"
            event["outcome"] = "success" if answer.code in ACCEPTS else "failure"
        if _REPLY in answer.attributes:
            radius["reply_msg"] = wire_text(answer.attributes[_REPLY])
        if len(answer.attributes.get(_TIMEOUT, b"")) == 4:
            radius["session_timeout"] = int.from_bytes(answer.attributes[_TIMEOUT])
        _addresses(radius, answer, ips)
    return Found("radius", begun, ordinal, fields, event, (), tuple(ips))


def _request(radius: Document, request: Packet, ips: list[str]) -> None:
    for kind, name in _TEXTS.items():
        if value := request.attributes.get(kind):
            radius[name] = wire_text(value, 253)
    if _PASSWORD in request.attributes or _CHAP in request.attributes:
        radius["password"] = True
    if _EAP in request.attributes:
        radius["eap"] = True
    if len(request.attributes.get(_NAS_PORT, b"")) == 4:
        radius["nas_port"] = int.from_bytes(request.attributes[_NAS_PORT])
    if len(request.attributes.get(_STATUS, b"")) == 4:
        status = int.from_bytes(request.attributes[_STATUS])
        radius["accounting_status"] = _ACCOUNTING.get(status, str(status))
    _addresses(radius, request, ips)


def _addresses(radius: Document, packet: Packet, ips: list[str]) -> None:
    for kind, name, size in ((_NAS_IP, "nas_ip", 4), (_NAS_IP6, "nas_ip", 16), (_FRAMED, "framed_addr", 4)):
        value = packet.attributes.get(kind, b"")
        if len(value) == size:
            radius[name] = address_text(value)
            ips.append(radius[name])
