"""From a spool to a node over HTTPS: batch by batch in order, each with an id, until the node says it has it.

A process of its own, without any capability: the one that captures opens no IP socket. A batch's id is its spool's id
and its number in it, so that one sent again (its answer was lost, this process was killed) is a duplicate to the node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import IO, Any

import orjson
import requests
import zstandard

from sensors import segments
from sensors.base import Batch, batch_data
from sensors.spool import SpoolReader, spool_id
from vonggac.errors import PeerUnavailable

#: The header that holds a batch's id, `SPOOL/NUMBER`.
BATCH_HEADER = "Vonggac-Batch"
#: Answers that say the batch itself is at fault: sent again it would be refused again, so it is laid aside.
AT_FAULT = (400, 413, 422)


@dataclass(frozen=True, slots=True)
class Target:
    """A node, and what we show it. `ca` is a file of certificates to trust instead of the system's."""

    url: str
    token: str = ""
    cert: str = ""
    key: str = ""
    ca: str = ""
    timeout_seconds: float = 60.0


class Backoff:
    """How long to leave a node alone that does not answer: longer each time, never less than `first` (so that there is
    at most one request in that time), never more than `most`, and never the same for all sensors."""

    def __init__(self, first: float, most: float, chance: Random) -> None:
        self._first, self._most, self._chance = first, most, chance
        self._failures = 0

    def after_failure(self, wished: float = 0.0) -> float:
        """Seconds; `wished` is what the node asked for (Retry-After)."""
        reach = min(self._most, self._first * 2.0 ** min(self._failures, 30))
        self._failures += 1
        return min(self._most, max(wished, self._first + (reach - self._first) * self._chance.random()))

    def success(self) -> None:
        self._failures = 0


@dataclass
class Shipped:
    """What became of the batches: `duplicates` the node had already; `refused` are laid aside in the spool's folder
    `refused`."""

    sent: int = 0
    duplicates: int = 0
    refused: int = 0
    failures: int = 0  # attempts that the node did not answer well

    def __add__(self, other: Shipped) -> Shipped:
        ours, theirs = asdict(self), asdict(other)
        return Shipped(**{name: ours[name] + theirs[name] for name in ours})


class Shipper:
    """Sends what one spool holds. `step` sends a batch, or fails and leaves it for the next `step`."""

    def __init__(self, folder: Path, target: Target) -> None:
        self._folder, self._target = folder, target
        self._id = ""
        self._reader: SpoolReader | None = None
        self._lock: IO[bytes] | None = None
        self._batches: Iterator[tuple[Batch, Callable[[], None]]] = iter(())
        self._waiting: tuple[Batch, int, Callable[[], None]] | None = None
        self._compress = zstandard.ZstdCompressor(level=3).compress
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy and no .netrc of the machine's decides where events go
        self._session.verify = target.ca or True
        if target.cert:
            self._session.cert = (target.cert, target.key or target.cert)
        if target.token:
            self._session.headers["Authorization"] = f"Bearer {target.token}"
        self.done = Shipped()

    def step(self) -> bool:
        """Whether there was a batch. Raises PeerUnavailable (`sensor_push`; `wait`: seconds the node asks for)."""
        if self._waiting is None:
            self._waiting = self._next()
        if self._waiting is None:
            return False
        batch, number, acknowledge = self._waiting
        self._send(batch, number)
        acknowledge()
        self._waiting = None
        return True

    def close(self) -> None:
        self._session.close()
        if self._reader is not None:
            self._reader.close()
        if self._lock is not None:
            self._lock.close()

    def _next(self) -> tuple[Batch, int, Callable[[], None]] | None:
        """The next batch, its number and what forgets it."""
        if self._reader is None:
            self._id = spool_id(self._folder)
            if not self._id:  # its writer has not come yet
                return None
            with segments.folder_errors(self._folder):
                self._lock = segments.only_one(self._folder, "shipper")
            self._reader = SpoolReader(self._folder)
        found = next(self._batches, None)
        if found is None:
            self._batches = iter(self._reader)
            found = next(self._batches, None)
        return None if found is None else (found[0], self._reader.sequence, found[1])

    def _send(self, batch: Batch, number: int) -> None:
        body = self._compress(orjson.dumps(batch_data(batch)))
        headers = {
            "Content-Type": "application/json",
            "Content-Encoding": "zstd",
            BATCH_HEADER: f"{self._id}/{number}",
        }
        try:
            answer = self._session.post(
                f"{self._target.url.rstrip('/')}/api/v1/intake",
                body,
                headers=headers,
                timeout=(min(10.0, self._target.timeout_seconds), self._target.timeout_seconds),
                allow_redirects=False,
            )
            status, text = answer.status_code, answer.text
            said = answer.json() if status == 200 else {}
        except (requests.RequestException, ValueError) as error:
            self.done.failures += 1
            raise self._unavailable(type(error).__name__) from error
        if status == 200:
            self.done.sent += 1
            self.done.duplicates += bool(said.get("duplicate"))
        elif status in AT_FAULT:
            self._lay_aside(batch, number, f"HTTP {status}: {text[:300]}")
        else:
            self.done.failures += 1
            raise self._unavailable(f"HTTP {status}", text[:300], _seconds(answer.headers.get("Retry-After")))

    def _unavailable(self, reason: str, detail: str = "", wait: float = 0.0) -> PeerUnavailable:
        return PeerUnavailable(
            "sensor_push", url=self._target.url, reason=reason, spool=self._folder, wait=wait, detail=detail
        )

    def _lay_aside(self, batch: Batch, number: int, reason: str) -> None:
        """One bad batch must not hold up those behind it."""
        self.done.refused += 1
        folder = self._folder / "refused"
        with segments.folder_errors(folder):
            folder.mkdir(exist_ok=True)
            data: dict[str, Any] = {"reason": reason, "batch": batch_data(batch)}
            segments.replace(folder / f"{number:08d}.json.zst", self._compress(orjson.dumps(data)))


def ship(
    shippers: Callable[[], list[Shipper]],
    backoff: Backoff,
    wait: Callable[[float], bool],
    ended: Callable[[], bool],
    poll_seconds: float,
) -> PeerUnavailable | None:
    """Sends what the spools hold until `ended` says that nothing more is to come and all is sent.

    `wait` pauses for so many seconds and says whether to stop at once. What hindered the last attempt, if anything
    did: after `ended` one failure ends it, since who waits for the end should be told."""
    while True:
        last = ended()
        try:
            while sum(each.step() for each in shippers()):  # each has its turn
                backoff.success()
        except PeerUnavailable as error:
            if last:
                return error
            if wait(backoff.after_failure(float(str(error.facts["wait"])))):
                return error
            continue
        if last or wait(poll_seconds):
            return None


def spools_in(folder: Path) -> list[Path]:
    """The folder itself where it is a spool, else the spools right below it."""
    if spool_id(folder) or not folder.is_dir():
        return [folder]
    return sorted(path for path in folder.iterdir() if path.is_dir() and spool_id(path))


def _seconds(text: str | None) -> float:
    """Of a Retry-After header (RFC 9110, 10.2.3); dates are not understood and count as none."""
    return float(text) if text is not None and text.isdigit() else 0.0
