"""RFB, which VNC speaks (RFC 6143 §7): one event for each connection, from its handshake."""

from __future__ import annotations

import re
from collections.abc import Iterator
from struct import unpack_from

from sensors.decode.fault import Undecodable
from sensors.decode.lines import printable
from sensors.streams import Moment
from sensors.talks.talk import Found
from vonggac.domain.event import Document, put

#: The longest reason or name that is read.
MAX_TEXT = 4_096

_VERSION = re.compile(rb"RFB (\d{3})\.(\d{3})\n")
_NONE, _VNC = 1, 2
_SECURITY = {
    0: "invalid", 1: "none", 2: "vnc", 5: "ra2", 6: "ra2ne", 16: "tight", 17: "ultra", 18: "tls", 19: "vencrypt",
    20: "sasl", 22: "xvp", 30: "apple-dh",
}  # fmt: skip
#: The steps of the handshake: whose they are (0 client, 1 server) and how many bytes they have at least.
_STEPS = {
    "server_version": (1, 12), "client_version": (0, 12), "old_security": (1, 4), "offer": (1, 1), "choice": (0, 1),
    "challenge": (1, 16), "response": (0, 16), "result": (1, 4), "reason": (1, 4), "share": (0, 1), "desktop": (1, 24),
}  # fmt: skip


class RfbTalk:
    """Both sides speak in turn, so there is one step at a time; it ends where all is known or is encrypted."""

    name = "rfb"

    def __init__(self) -> None:
        self.done = False
        self._buffers = (bytearray(), bytearray())
        self._server = -1
        self._step = "server_version"
        self._minor = 8  # of the version that both speak
        self._begun: Moment | None = None
        self._own: Document = {}
        self._security = 0
        self._outcome: str | None = None

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Found]:
        self._begun = self._begun or at
        if self._server < 0:
            self._server = side if data[:3] == b"RFB" else 1
        self._buffers[side].extend(data)
        while self._step:
            end, size = _STEPS[self._step]
            buffer = self._buffers[self._server if end else 1 - self._server]
            if len(buffer) < size:
                return
            size = self._size(buffer, size)
            if len(buffer) < size:
                return
            piece = bytes(buffer[:size])
            del buffer[:size]
            self._step = self._take(piece)
        yield from self.close(True)

    def gap(self, side: int, size: int, at: Moment) -> Iterator[Found]:
        """Where the handshake is, is no longer known."""
        yield from self.close(False)

    def close(self, clean: bool) -> Iterator[Found]:
        if self.done or self._begun is None:
            return
        self.done = True
        event: Document = {"outcome": self._outcome} if self._outcome else {}
        if self._outcome and self._security != _NONE:
            event |= {"category": ["network", "authentication"], "type": ["connection", "protocol", "start"]}
        yield Found("rfb", self._begun, 0, {"vonggac": {"rfb": self._own}}, event)

    def _size(self, buffer: bytearray, size: int) -> int:
        """The bytes of the step at hand, with the list or text whose length it begins with."""
        if self._step == "offer":
            return 1 + buffer[0]
        if self._step not in ("reason", "desktop"):
            return size
        length: int = unpack_from("!I", buffer, size - 4)[0]
        if length > MAX_TEXT:
            raise Undecodable("rfb", size - 4, "text_length")
        return size + length

    def _take(self, piece: bytes) -> str:
        """What a step tells; the name of the next one, empty where nothing more is told."""
        step, own = self._step, self._own
        if step in ("server_version", "client_version"):
            return self._version(step, piece)
        if step == "old_security":  # version 3.3: the server chooses (§7.1.2, appendix A)
            return self._chosen(int.from_bytes(piece))
        if step == "offer":
            own["security_types"] = [_SECURITY.get(number, str(number)) for number in piece[1:33]]
            return "choice" if piece[0] else "reason"
        if step == "choice":
            return self._chosen(piece[0])
        if step == "challenge":
            return "response"
        if step == "response":
            own["password"] = True
            return "result"
        if step == "result":
            self._outcome = "failure" if any(piece) else "success"
            own["security_result"] = "FAIL" if any(piece) else "OK"
            return ("reason" if self._minor >= 8 else "") if any(piece) else "share"
        if step == "reason":
            own["security_failure_reason"] = printable(piece[4:])
            self._outcome = "failure"
        elif step == "share":
            own["screen_shared"] = bool(piece[0])
            return "desktop"
        elif step == "desktop":
            width, height, bits, depth = unpack_from("!HHBB", piece)
            own["framebuffer"] = {"width": width, "height": height, "bits_per_pixel": bits, "depth": depth}
            put(own, "framebuffer.name", printable(piece[24:]) or None)
        return ""

    def _version(self, step: str, piece: bytes) -> str:
        match = _VERSION.fullmatch(piece)
        if match is None:
            raise Undecodable("rfb", 0, "version")
        major, minor = match[1].decode("ascii"), match[2].decode("ascii")
        self._own[step.replace("version", "protocol_version")] = {"major": major, "minor": minor}
        if step == "server_version":
            return "client_version"
        self._minor = int(minor)
        return "offer" if self._minor >= 7 else "old_security"

    def _chosen(self, security: int) -> str:
        self._security = security
        self._own["security_type"] = _SECURITY.get(security, str(security))
        if security == _VNC:
            return "challenge"
        if security == _NONE:
            return "result" if self._minor >= 8 else "share"
        return "" if security else "reason"
