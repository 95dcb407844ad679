"""RDP on one connection: its negotiation, and its settings where they go in the clear, become one event.

Where TLS is chosen (alone, or with CredSSP inside) the handshake behind it gives its `tls` event as well; the flow
stays `rdp`, which is what is looked for.
"""

from __future__ import annotations

from collections.abc import Iterator

from sensors.decode import rdp
from sensors.decode.fault import Undecodable
from sensors.decode.rdp import Client, Confirm, Request, Server
from sensors.streams import Moment
from sensors.talks.talk import Found, Left
from sensors.talks.tls import TlsTalk
from vonggac.domain.event import Document, put


class RdpTalk:
    name = "rdp"

    def __init__(self) -> None:
        self.done = False
        self._buffers = (bytearray(), bytearray())
        self._begun: Moment | None = None
        self._request: Request | None = None
        self._confirm: Confirm | None = None
        self._client: Client | None = None
        self._server: Server | None = None
        self._seen: list[str] = []  # the messages, in Suricata's words
        self._told = False
        self._tls: TlsTalk | None = None
        self._tls_begun = False

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Left]:
        tls = self._tls
        if tls is not None:
            yield from self._secured(tls, side, data, at)
            return
        self._begun = self._begun or at
        self._buffers[side].extend(data)
        for each in (side, 1 - side):
            yield from self._read(each)
        tls = self._tls
        if tls is not None:
            for each, buffer in enumerate(self._buffers):
                if buffer:
                    yield from self._secured(tls, each, bytes(buffer), at)
                    buffer.clear()

    def _read(self, side: int) -> Iterator[Found]:
        """The messages that are whole. What a client sends behind its request means nothing before the answer."""
        buffer = self._buffers[side]
        while not self._told and not (side == 0 and self._request is not None and self._confirm is None):
            size = rdp.tpkt_size(buffer)
            if size is None or len(buffer) < size:
                return
            tpkt = bytes(buffer[:size])
            del buffer[:size]
            self._message(tpkt)
            if self._finished:
                yield from self._tell()
        if len(buffer) > rdp.MAX_TPKT and not self._told:
            yield from self._tell()

    def gap(self, side: int, size: int, at: Moment) -> Iterator[Left]:
        """The settings come first and once: what is known is told."""
        if self._tls is not None:
            yield from self._tls.gap(side, size, at)
            self.done = self._tls.done
        else:
            yield from self._tell()
            self.done = True

    def close(self, clean: bool) -> Iterator[Left]:
        if not self._told:
            yield from self._tell()
        if self._tls is not None and self._tls_begun:
            yield from self._tls.close(clean)

    def _secured(self, tls: TlsTalk, side: int, data: bytes, at: Moment) -> Iterator[Left]:
        self._tls_begun = True
        yield from tls.data(side, data, at)
        self.done = tls.done

    def _message(self, tpkt: bytes) -> None:
        kind = tpkt[5] & 0xF0
        if kind == rdp.CONNECTION_REQUEST:
            self._request = rdp.decode_request(tpkt)
            self._seen.append("initial_request")
        elif kind == rdp.CONNECTION_CONFIRM:
            self._confirm = rdp.decode_confirm(tpkt)
            self._seen.append("initial_response")
        elif kind != rdp.DATA:
            raise Undecodable("rdp", 5, "x224_code")
        elif self._client is None and (client := rdp.decode_client(tpkt)) is not None:
            self._client = client
            self._seen.append("connect_request")
        elif (server := rdp.decode_server(tpkt)) is not None:
            self._server = server
            self._seen.append("connect_response")

    @property
    def _finished(self) -> bool:
        """Nothing more comes in the clear: refused, going on in TLS, or the server's settings are here."""
        confirm = self._confirm
        return self._server is not None or (
            confirm is not None and (confirm.protocol != "RDP" or bool(confirm.failure))
        )

    def _tell(self) -> Iterator[Found]:
        self._told = True
        confirm = self._confirm
        if confirm is not None and not confirm.failure and confirm.protocol != "RDP":
            self._tls = TlsTalk()
        else:
            self.done = True
        fields = _fields(self._request, confirm, self._client, self._server)
        put(fields, "messages", self._seen or None)
        event: Document = {"outcome": "failure"} if confirm is not None and confirm.failure else {}
        hosts = (self._client.name.lower(),) if self._client is not None and self._client.name else ()
        yield Found("rdp", self._begun or Moment(0, 0), 0, {"vonggac": {"rdp": fields}}, event, hosts)


def _fields(request: Request | None, confirm: Confirm | None, client: Client | None, server: Server | None) -> Document:
    """In the words of Zeek's rdp.log."""
    fields: Document = {}
    if request is not None:
        put(fields, "cookie", request.cookie or None)
        if request.protocols is not None:
            fields["requested_protocols"] = rdp.protocol_names(request.protocols)
    if confirm is not None:
        put(fields, "security_protocol", confirm.protocol or None)
        put(fields, "result", confirm.failure or ("encrypted" if confirm.protocol != "RDP" else None))
    if client is not None:
        put(fields, "client_version", client.version or None)
        put(fields, "client_build", client.build or None)
        put(fields, "client_name", client.name or None)
        put(fields, "client_dig_product_id", client.product_id or None)
        put(fields, "keyboard_layout", client.keyboard or None)
        put(fields, "desktop_width", client.width)
        put(fields, "desktop_height", client.height)
        put(fields, "requested_color_depth", client.color_depth or None)
        put(fields, "client_channels", list(client.channels) or None)
    if server is not None:
        fields["result"] = server.result
        put(fields, "encryption_method", server.method or None)
        put(fields, "encryption_level", server.level or None)
        put(fields, "cert_type", server.certificate_type or None)
        put(fields, "cert_permanent", server.permanent)
        if server.certificate_type:
            fields["cert_count"] = server.certificates
    return fields
