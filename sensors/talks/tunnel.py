"""What goes on inside a connection that was handed over: a CONNECT tunnel is recognised anew, others only named."""

from __future__ import annotations

from collections.abc import Iterator

from sensors.streams import Moment
from sensors.talks.talk import Become, Left, Talk

#: Bytes and pieces per direction looked at before a tunnel is left as unknown.
MAX_EARLY = 8_192
MAX_PIECES = 8


class NamedTalk:
    """A protocol that is only named (WebSocket): its bytes are not looked at."""

    done = True

    def __init__(self, name: str) -> None:
        self.name = name

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Left]:
        return iter(())

    def gap(self, side: int, size: int, at: Moment) -> Iterator[Left]:
        return iter(())

    def close(self, clean: bool) -> Iterator[Left]:
        return iter(())


class TunnelTalk:
    """Gathers the first bytes of both sides until a family knows them; then those of the other side go first."""

    def __init__(self, name: str, side: int, early: bytes, at: Moment) -> None:
        """`name` is that of the protocol around, until the one inside is known; `early` was sent by `side` already."""
        self.name = name
        self.done = False
        self._early: list[tuple[int, bytes, Moment]] = [(side, early, at)] if early else []

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Left]:
        from sensors.talks.recognise import recognise_stream

        self._early.append((side, data, at))
        mine = b"".join(piece for at_side, piece, _ in self._early if at_side == side)
        verdict = recognise_stream(mine, side)
        if verdict.talk is not None:
            yield from self._hand_on(verdict.talk())
        elif verdict.label:
            yield Become(NamedTalk(verdict.label))
        elif len(mine) > MAX_EARLY or len(self._early) > 2 * MAX_PIECES:
            self.done = True

    def gap(self, side: int, size: int, at: Moment) -> Iterator[Left]:
        """Behind a hole nothing is recognised any more."""
        self.done = True
        return iter(())

    def close(self, clean: bool) -> Iterator[Left]:
        return iter(())

    def _hand_on(self, talk: Talk) -> Iterator[Left]:
        *earlier, (_, last, _) = self._early
        self._early = []
        for side, data, at in earlier:
            for left in talk.data(side, data, at):
                yield left
                if isinstance(left, Become):
                    return
        yield Become(talk, last)
