"""SSH on one connection: who speaks what, until the keys change; then it is encrypted and its event is made."""

from __future__ import annotations

from collections.abc import Iterator

from sensors.decode.ssh import KEXINIT, NEWKEYS, Offer, agreed, decode_offer, take_banner, take_packet
from sensors.streams import Moment
from sensors.talks.talk import Found
from vonggac.domain.event import Document


class SshTalk:
    name = "ssh"

    def __init__(self) -> None:
        self.done = False
        self._buffers = (bytearray(), bytearray())
        self._banners: list[str | None] = [None, None]
        self._offers: list[Offer | None] = [None, None]
        self._new_keys = [False, False]
        self._begun: Moment | None = None

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Found]:
        self._begun = self._begun or at
        buffer = self._buffers[side]
        if self._new_keys[side]:
            return
        buffer += data
        if self._banners[side] is None:
            self._banners[side] = take_banner(buffer)
            if self._banners[side] is None:
                return
        while not self._new_keys[side] and (payload := take_packet(buffer)) is not None:
            if payload[:1] == bytes((KEXINIT,)):
                self._offers[side] = decode_offer(payload)
            elif payload[:1] == bytes((NEWKEYS,)):
                self._new_keys[side] = True
        if all(self._new_keys):
            yield from self._finish()

    def gap(self, side: int, size: int, at: Moment) -> Iterator[Found]:
        yield from self._finish()

    def close(self, clean: bool) -> Iterator[Found]:
        yield from self._finish()

    def _finish(self) -> Iterator[Found]:
        if self.done:
            return
        self.done = True
        ssh: Document = {}
        hashes: list[str] = []
        for side, name in enumerate(("client", "server")):
            end: Document = {}
            banner, offer = self._banners[side], self._offers[side]
            if banner is not None:
                end["version"] = banner
            if offer is not None:
                end["hassh"] = offer.hassh(client=side == 0)
                hashes.append(end["hassh"])
            if end:
                ssh[name] = end
        event = {"outcome": "success"} if all(self._new_keys) else {}
        own: Document = {"encrypted": all(self._new_keys)}
        client, server = self._offers
        if client is not None and server is not None:
            own |= agreed(client, server)
        extra = {"vonggac": {"ssh": own}}
        yield Found("ssh", self._begun or Moment(0, 0), 0, {"ssh": ssh, **extra}, event, (), (), tuple(hashes))
