"""TLS on one connection: its handshake in the clear becomes one event; what is encrypted is not looked at."""

from __future__ import annotations

from collections.abc import Iterator

from sensors.decode.fault import Undecodable
from sensors.decode.tls import (
    Hello,
    cipher_text,
    decode_certificates,
    decode_curve,
    decode_hello,
    group_text,
    version_text,
)
from sensors.decode.x509 import Certificate, decode_certificate
from sensors.streams import Moment
from sensors.talks.dns import domain_parts
from sensors.talks.talk import Found
from sensors.talks.tls_event import certificate_fields, client_fields, offered_protocols, server_fields
from vonggac.domain.event import Document

#: RFC 8446 §5.2 and RFC 5246 §6.2.3: the longest record; and the longest handshake message read.
MAX_RECORD = 16_384 + 2_048
MAX_MESSAGE = 262_144

_CHANGE_CIPHER, _ALERT, _HANDSHAKE, _APPLICATION = 20, 21, 22, 23
_CLIENT_HELLO, _SERVER_HELLO, _CERTIFICATE, _KEY_EXCHANGE = 1, 2, 11, 12


class TlsTalk:
    name = "tls"

    def __init__(self) -> None:
        self.done = False
        self._records = (bytearray(), bytearray())
        self._messages = (bytearray(), bytearray())
        self._sealed = [False, False]  # this side has begun to encrypt
        self._applied = [False, False]  # this side has sent application data
        self._begun: Moment | None = None
        self._client: Hello | None = None
        self._server: Hello | None = None
        self._chains: list[tuple[Certificate, ...]] = [(), ()]
        self._alert = 0
        self._curve = 0  # of an ephemeral key exchange up to TLS 1.2

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Found]:
        self._begun = self._begun or at
        buffer = self._records[side]
        buffer += data
        while len(buffer) >= 5 and not self.done:
            kind, size = buffer[0], buffer[3] << 8 | buffer[4]
            if kind not in (_CHANGE_CIPHER, _ALERT, _HANDSHAKE, _APPLICATION, 24) or buffer[1] != 3:
                raise Undecodable("tls", 0, "record_type")
            if size > MAX_RECORD:
                raise Undecodable("tls", 3, "record_length")
            if len(buffer) < size + 5:
                break
            body = bytes(buffer[5 : size + 5])
            del buffer[: size + 5]
            self._record(side, kind, body)
            if all(self._applied) or (all(self._sealed) and self._version_done):
                self.done = True
        if self.done:
            yield self._found()

    def gap(self, side: int, size: int, at: Moment) -> Iterator[Found]:
        """Record borders are lost; what the handshake told so far is the event."""
        self.done = True
        yield self._found()

    def close(self, clean: bool) -> Iterator[Found]:
        if not self.done:
            self.done = True
            yield self._found()

    @property
    def _version_done(self) -> bool:
        """Up to TLS 1.2 a sealed connection has nothing more to tell; in 1.3 only application data shows success."""
        return self._server is None or self._server.best_version < 0x0304

    def _record(self, side: int, kind: int, body: bytes) -> None:
        if kind == _CHANGE_CIPHER:
            self._sealed[side] = True
        elif kind == _APPLICATION:
            self._sealed[side] = self._applied[side] = True
        elif kind == _ALERT and not self._sealed[side] and len(body) == 2 and body[0] == 2:
            self._alert = body[1]
        elif kind == _HANDSHAKE and not self._sealed[side]:
            self._messages[side].extend(body)
            self._handshake(side, self._messages[side])

    def _handshake(self, side: int, buffer: bytearray) -> None:
        while len(buffer) >= 4:
            size = int.from_bytes(buffer[1:4])
            if size > MAX_MESSAGE:
                raise Undecodable("tls", 1, "message_length")
            if len(buffer) < size + 4:
                return
            kind, body = buffer[0], bytes(buffer[4 : size + 4])
            del buffer[: size + 4]
            if kind == _CLIENT_HELLO and self._client is None:
                self._client = decode_hello(body, client=True)
            elif kind == _SERVER_HELLO:
                self._server = decode_hello(body, client=False)
            elif kind == _KEY_EXCHANGE and self._server is not None and "ECDH" in cipher_text(self._server.ciphers[0]):
                self._curve = decode_curve(body)
            elif kind == _CERTIFICATE and self._version_done and not self._chains[side]:
                self._chains[side] = tuple(decode_certificate(der) for der in decode_certificates(body))

    def _found(self) -> Found:
        """The connection's event, from what was seen of its handshake."""
        tls: Document = {"established": self._established}
        hosts: list[str] = []
        hashes: list[str] = []
        extra: Document = {}
        if self._client is not None:
            tls["client"] = client_fields(self._client)
            extra["client_version"] = version_text(self._client.best_version)
            if self._client.alpn:
                extra["client_alpns"] = offered_protocols(self._client)
            hashes += [tls["client"]["ja3"], tls["client"]["ja4"]]
            if self._client.server_name:
                hosts.append(self._client.server_name)
        hello = self._server or self._client
        if hello is not None:
            tls["version_protocol"] = "ssl" if hello.best_version <= 0x0300 else "tls"
        if self._server is not None:
            tls |= server_fields(self._server)
            if self._curve:
                tls["curve"] = group_text(self._curve)
            if "resumed" not in tls and self._client is not None:
                tls["resumed"] = self._resumed(self._server, self._client)
            hashes.append(tls["server"]["ja3s"])
        for side, chain in enumerate(self._chains):
            if chain:
                end = tls.setdefault("server" if side else "client", {})
                end |= certificate_fields(chain[0])
                hashes.append(chain[0].sha256.lower())
                hosts += [name.lower() for name in chain[0].alternative_names[:32] if not name.startswith("*")]
                extra["chain_length" if side else "client_chain_length"] = len(chain)
        if self._alert:
            extra["alert"] = self._alert
        fields: Document = {"tls": tls}
        if self._client is not None and self._client.server_name:
            fields["destination"] = {"domain": self._client.server_name}
            extra |= domain_parts(self._client.server_name)
        if extra:
            fields["vonggac"] = {"tls": extra}
        begun = self._begun or Moment(0, 0)
        return Found("tls", begun, 0, fields, {}, tuple(hosts), (), tuple(hashes))

    @property
    def _established(self) -> bool:
        return all(self._sealed) and self._server is not None and not self._alert

    def _resumed(self, server: Hello, client: Hello) -> bool:
        """Up to TLS 1.2: both sides encrypt at once, without a certificate (RFC 5246 §7.3, RFC 5077 §3.1)."""
        same = bool(server.session_id) and server.session_id == client.session_id
        return all(self._sealed) and not self._chains[1] and (same or bool(client.session_id))
