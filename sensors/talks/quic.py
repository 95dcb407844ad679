"""QUIC: one event per connection, from its Initial packets; everything after them is sealed with keys of its own."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import md5

from sensors.decode import quic as wire
from sensors.decode.text import colons, wire_text
from sensors.decode.tls import Hello, decode_hello, version_text
from sensors.streams import Moment
from sensors.talks.dns import domain_parts
from sensors.talks.talk import Found
from sensors.talks.tls_event import client_fields, offered_protocols, server_fields
from vonggac.domain.event import Document

#: Octets of the handshake kept of one side: a client hello with post-quantum keys has under 3,000.
MAX_CRYPTO = 16_384
#: Datagrams looked at before the event is made from what is known; Initial packets opened, and keys kept.
MAX_DATAGRAMS = 48
MAX_INITIALS = 24
MAX_KEYS = 4
#: Extensions of a client hello that are listed.
MAX_EXTENSIONS = 64

_CLIENT_HELLO, _SERVER_HELLO = 1, 2
#: Suricata's names of TLS extensions (`quic.extensions` of EVE).
_EXTENSIONS = {
    0: "server_name", 1: "max_fragment_length", 5: "status_request", 10: "supported_groups", 11: "ec_point_formats",
    13: "signature_algorithms", 14: "use_srtp", 15: "heartbeat", 16: "alpn", 18: "signed_certificate_timestamp",
    21: "padding", 22: "encrypt_then_mac", 23: "extended_master_secret", 27: "compress_certificate",
    28: "record_size_limit", 35: "session_ticket", 41: "pre_shared_key", 42: "early_data", 43: "supported_versions",
    44: "cookie", 45: "psk_key_exchange_modes", 47: "certificate_authorities", 49: "post_handshake_auth",
    50: "signature_algorithms_cert", 51: "key_share", 57: "quic_transport_parameters",
    17513: "application_settings", 17613: "application_settings", 65037: "encrypted_client_hello",
    65281: "renegotiation_info", 65445: "quic_transport_parameters",
}  # fmt: skip


class _Handshake:
    """One side's CRYPTO frames put in order (RFC 9000 §19.6): they may come in any order and more than once."""

    __slots__ = ("_data", "_have", "_seen")

    def __init__(self) -> None:
        self._data = bytearray()
        self._seen = bytearray()
        self._have = 0

    def add(self, offset: int, piece: bytes) -> None:
        end = offset + len(piece)
        if end > MAX_CRYPTO:
            return
        if end > len(self._data):
            grown = end - len(self._data)
            self._data += bytes(grown)
            self._seen += bytes(grown)
        self._data[offset:end] = piece
        self._seen[offset:end] = b"\1" * len(piece)
        hole = self._seen.find(0, self._have)
        self._have = len(self._seen) if hole < 0 else hole

    def message(self, kind: int) -> bytes | None:
        """The body of the first handshake message once it is whole, where it is of this kind."""
        if self._have < 4 or self._data[0] != kind:
            return None
        end = 4 + int.from_bytes(self._data[1:4])
        return bytes(self._data[4:end]) if self._have >= end else None


class QuicTalk:
    name = "quic"

    def __init__(self) -> None:
        self.done = False
        self._begun: Moment | None = None
        self._client_side = -1
        self._keys: list[tuple[wire.Keys, wire.Keys]] = []  # the latest last
        self._handshakes = (_Handshake(), _Handshake())  # by side
        self._numbers = [0, 0]  # the packet number expected next, by side
        self._hellos: list[Hello | None] = [None, None]  # client's, server's
        self._sealed = [False, False]  # this side has sent packets of 1-RTT
        self._datagrams = self._initials = 0
        self._tags: dict[str, bytes] = {}
        self._facts: Document = {}

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Found]:
        if self.done or not data:
            return
        self._begun = self._begun or at
        self._datagrams += 1
        self._datagram(side, data)
        if (all(self._hellos) and all(self._sealed)) or self._datagrams >= MAX_DATAGRAMS:
            yield from self.close(True)

    def gap(self, side: int, size: int, at: Moment) -> Iterator[Found]:
        return iter(())

    def close(self, clean: bool) -> Iterator[Found]:
        if not self.done:
            self.done = True
            yield self._found()

    def _datagram(self, side: int, data: bytes) -> None:
        """The packets that share one datagram (RFC 9000 §12.2)."""
        if version := wire.google_version(data):
            self._facts.setdefault("version", wire.version_text(version))
            self._google(side, data)
            return
        at = 0
        while at < len(data) and data[at] & 0x80:
            header = wire.decode_long(data, at)
            self._long(side, data, at, header)
            at = header.end
        if at < len(data) and data[at] & 0xC0 == 0x40:
            self._sealed[side] = True

    def _long(self, side: int, data: bytes, at: int, header: wire.Long) -> None:
        if header.kind == "negotiation":
            self._facts["supported_versions"] = wire.negotiated(data, header)
            return
        self._facts["version"] = wire.version_text(header.version)
        if header.kind == "retry":
            self._facts["retry"] = True
        if header.kind == "0rtt":
            self._facts["early_data"] = True
        if header.kind == "initial" and self._initials < MAX_INITIALS:
            self._initials += 1
            self._initial(side, data, at, header)

    def _initial(self, side: int, data: bytes, at: int, header: wire.Long) -> None:
        payload = self._opened(side, data, at, header)
        if payload is None:
            return
        server = side != self._client_side
        self._facts["server_id" if server else "client_id"] = colons(header.source_id)
        if header.token and not server:
            self._facts["token"] = True
        if header.version.to_bytes(4) == b"Q050":
            self._google(side, payload)
            return
        frames = wire.decode_frames(payload)
        if frames.close_code is not None:
            self._facts["close"] = {"code": frames.close_code}
            if frames.close_reason:
                self._facts["close"]["reason"] = wire_text(frames.close_reason)
        for offset, piece in frames.crypto:
            self._handshakes[side].add(offset, piece)
        if self._hellos[server] is None:
            body = self._handshakes[side].message(_SERVER_HELLO if server else _CLIENT_HELLO)
            if body is not None:
                self._hellos[server] = decode_hello(body, client=not server)

    def _opened(self, side: int, data: bytes, at: int, header: wire.Long) -> bytes | None:
        """The payload, by the keys known, or by those of this packet's own connection id if it may be a client's."""
        for keys in reversed(self._keys):
            opened = wire.open_initial(data, at, header, keys[side != self._client_side], self._numbers[side])
            if opened is not None:
                return self._numbered(side, opened)
        if self._client_side in (-1, side) and len(self._keys) < MAX_KEYS:
            keys = wire.initial_keys(header.version, header.destination_id)
            opened = wire.open_initial(data, at, header, keys[0], self._numbers[side])
            if opened is not None:
                self._client_side = side
                self._keys.append(keys)
                return self._numbered(side, opened)
        return None

    def _numbered(self, side: int, opened: tuple[int, bytes]) -> bytes:
        self._numbers[side] = max(self._numbers[side], opened[0] + 1)
        return opened[1]

    def _google(self, side: int, data: bytes) -> None:
        tags = wire.client_hello_tags(data)
        if tags and "SNI" not in self._tags:
            self._client_side = side
            self._tags = tags

    def _found(self) -> Found:
        quic: Document = dict(self._facts)
        fields: Document = {}
        hosts: list[str] = []
        hashes: list[str] = []
        client, server = self._hellos
        tls: Document = {}
        if client is not None:
            tls["client"] = client_fields(client, "q")
            hashes += [tls["client"]["ja3"], tls["client"]["ja4"]]
            quic["extensions"] = _extensions(client)
            shown: Document = {"client_version": version_text(client.best_version)}
            if client.alpn:
                shown["client_alpns"] = offered_protocols(client)
            fields["vonggac"] = {"tls": shown}
            if client.server_name:
                hosts.append(client.server_name)
        if server is not None:
            tls |= server_fields(server)
            hashes.append(tls["server"]["ja3s"])
        if tls:
            tls |= {"established": server is not None and all(self._sealed), "version_protocol": "tls"}
        if self._tags:
            self._google_fields(quic, fields, tls, hosts)
        if hosts:
            fields["destination"] = {"domain": hosts[0]}
            fields.setdefault("vonggac", {}).setdefault("tls", {}).update(domain_parts(hosts[0]))
        if tls:
            fields["tls"] = tls
        fields.setdefault("vonggac", {})["quic"] = quic
        return Found("quic", self._begun or Moment(0, 0), 0, fields, {}, tuple(hosts), (), tuple(hashes))

    def _google_fields(self, quic: Document, fields: Document, tls: Document, hosts: list[str]) -> None:
        """What Google's client hello tells; `cyu` is the MD5 of its version and tags, as Suricata has it."""
        name = wire_text(self._tags.get("SNI", b"")).lower().rstrip(".")
        if name:
            tls["client"] = {"server_name": name}
            hosts.append(name)
        if agent := wire_text(self._tags.get("UAID", b"")):
            fields["user_agent"] = {"original": agent}
        digits = str(quic.get("version", ""))[2:]
        text = f"{digits},{'-'.join(self._tags)}"
        quic["cyu"] = md5(text.encode(), usedforsecurity=False).hexdigest()


def _extensions(hello: Hello) -> list[Document]:
    """Each extension of a client hello, with the values worth reading, as Suricata lists them."""
    values = {0: [hello.server_name] if hello.server_name else [], 16: offered_protocols(hello)}
    listed: list[Document] = []
    for kind in hello.extensions[:MAX_EXTENSIONS]:
        each: Document = {"type": kind}
        if kind in _EXTENSIONS:
            each["name"] = _EXTENSIONS[kind]
        if values.get(kind):
            each["values"] = values[kind]
        listed.append(each)
    return listed
