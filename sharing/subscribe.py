"""Pulling other nodes' collections, and pushing to them, through taxii2-client on a session of ours.

Paging is ours too: the cursor moves after each page that was taken, and a server that repeats a page is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
import requests
from requests.auth import HTTPBasicAuth

from sharing.exchange import Accepted, Exchange, Sender
from sharing.session import PeerSession, in_clear
from vonggac.coverage import CoverageLog
from vonggac.domain.agency import Directory
from vonggac.domain.times import format_instant
from vonggac.errors import Conflict, NotFound, PeerUnavailable, UsageRefused
from vonggac.ports import Clock, Record, RecordStore

if TYPE_CHECKING:
    from taxii2client.v21 import Collection

FEED = "feed"  # kind of record
PAGE = 500
MAX_PAGES = 2_000


@dataclass(frozen=True, slots=True)
class Feed:
    """A collection of a peer that this node pulls; `added_after` is the last page's X-TAXII-Date-Added-Last.

    With `agency`, the peer may speak for that agency and those below it only.
    """

    name: str
    url: str
    user: str = ""
    password: str = ""
    agency: str | None = None
    added_after: str | None = None
    last_pull: str = ""
    last_success: str = ""  # the last pull that went through
    last_result: str = ""


def feed_from(record: Record) -> Feed:
    names = Feed.__dataclass_fields__
    return Feed(record.key, **{name: value for name, value in record.body.items() if name in names and name != "name"})


def feed_data(feed: Feed) -> dict[str, Any]:
    """The feed for people: everything but the password."""
    return {
        "name": feed.name,
        "url": feed.url,
        "user": feed.user,
        "agency": feed.agency,
        "added_after": feed.added_after,
        "last_pull": feed.last_pull,
        "last_success": feed.last_success,
        "last_result": feed.last_result,
    }


def add_feed(records: RecordStore, feed: Feed, *, insecure: bool = False) -> None:
    """The feed is in the table. Raises UsageRefused for an address that would send credentials in clear."""
    parts = urlsplit(feed.url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise UsageRefused("feed_address", url=feed.url)
    if in_clear(feed.url) and not insecure:
        raise UsageRefused("feed_in_clear", url=feed.url)
    try:
        records.put(FEED, feed.name, _body(feed), expected_version=0)
    except Conflict as error:
        raise Conflict("feed_exists", name=feed.name) from error


def feeds(records: RecordStore) -> list[Feed]:
    return [feed_from(record) for record in records.list(FEED)]


def agencies_of_feeds(records: RecordStore) -> list[tuple[str, str]]:
    """The name and the agency of each feed that speaks for one."""
    return [(feed.name, feed.agency) for feed in feeds(records) if feed.agency]


def one_feed(records: RecordStore, name: str) -> Feed:
    record = records.get(FEED, name)
    if record is None:
        raise NotFound("unknown_feed", name=name)
    return feed_from(record)


def remove_feed(records: RecordStore, name: str) -> None:
    if not records.delete(FEED, name):
        raise NotFound("unknown_feed", name=name)


class Subscriber:
    """Pulls feeds into the node by way of its exchange."""

    def __init__(self, records: RecordStore, exchange: Exchange, clock: Clock) -> None:
        self._records = records
        self._exchange = exchange
        self._clock = clock
        self._coverage = CoverageLog(records)

    def pull(self, name: str, directory: Directory) -> Accepted:
        """What was new in a feed since its cursor is taken. Raises PeerUnavailable; what came before that is kept."""
        feed = one_feed(self._records, name)
        total = Accepted()
        try:
            for objects, last in pages(feed):
                total = _sum(total, self._exchange.accept(objects, Sender(feed.name, feed.agency), directory))
                feed = replace(feed, added_after=last or feed.added_after)
                self._save(feed, "…")
        except PeerUnavailable as error:
            self._save(feed, str(error))
            raise
        now = self._clock()
        self._save(replace(feed, last_success=format_instant(now)), _line(total))
        self._coverage.fresh(name, now)
        return total

    def pull_all(self, directory: Directory) -> str:
        """Every feed is pulled, whatever becomes of the others; one line on it."""
        lines = []
        for feed in feeds(self._records):
            try:
                lines.append(f"{feed.name}: {_line(self.pull(feed.name, directory))}")
            except PeerUnavailable as error:
                lines.append(f"{feed.name}: {error}")
        return "; ".join(lines)

    def push(self, name: str, objects: Sequence[Mapping[str, Any]]) -> tuple[int, list[str]]:
        """(how many objects the peer's collection took, why it refused the others). Raises PeerUnavailable."""
        feed = one_feed(self._records, name)
        with _connected(feed) as (collection, _):
            status = collection.add_objects({"objects": list(objects)}, timeout=60)
            refused = [f"{failure['id']}: {failure.get('message', '?')}" for failure in status.failures]
            return int(status.success_count), refused

    def _save(self, feed: Feed, result: str) -> None:
        kept = replace(feed, last_pull=format_instant(self._clock()), last_result=result)
        self._records.put(FEED, feed.name, _body(kept))


def _body(feed: Feed) -> dict[str, Any]:
    return {**feed_data(feed), "password": feed.password}


def _line(total: Accepted) -> str:
    return (
        f"{total.taken} objects: {total.incidents} incidents, {total.indicators} indicators, "
        f"{total.known} known, {len(total.refused)} refused"
    )


def _sum(left: Accepted, right: Accepted) -> Accepted:
    return Accepted(
        left.taken + right.taken,
        left.incidents + right.incidents,
        left.indicators + right.indicators,
        left.others + right.others,
        left.known + right.known,
        (*left.refused, *right.refused),
    )


def pages(feed: Feed) -> Iterator[tuple[list[Any], str | None]]:
    """Each page's objects and the time its last one was added there. Raises PeerUnavailable after the good pages."""
    with _connected(feed) as (collection, session):
        asked: dict[str, str | int] = {"limit": PAGE}
        if feed.added_after:
            asked["added_after"] = feed.added_after
        seen: set[int] = set()
        for _ in range(MAX_PAGES):
            page = collection.get_objects(**asked)
            objects = page.get("objects", []) if isinstance(page, Mapping) else []
            last = session.date_added_last
            if objects:
                yield objects, last
            if not objects or not page.get("more"):
                return
            following = {"next": str(page["next"])} if page.get("next") else {"added_after": last or ""}
            # Some servers keep one token for all pages, so a loop is the same token with the same page.
            here = hash((repr(following), orjson.dumps(objects)))
            if here in seen or following == {"added_after": ""}:
                raise PeerUnavailable("feed_loops", name=feed.name, url=feed.url)
            seen.add(here)
            asked |= following
    raise PeerUnavailable("feed_loops", name=feed.name, url=feed.url)


@contextmanager
def _connected(feed: Feed) -> Iterator[tuple[Collection, PeerSession]]:
    """The feed's collection on a session of ours; what goes wrong with the peer is PeerUnavailable."""
    from taxii2client.common import _HTTPConnection
    from taxii2client.exceptions import TAXIIServiceException
    from taxii2client.v21 import Collection

    with PeerSession(feed.url) as session:
        if feed.user:
            # As bytes: requests would write text as Latin-1, which has no Vietnamese (RFC 7617 §2.1 allows UTF-8).
            session.auth = HTTPBasicAuth(feed.user.encode(), feed.password.encode())
        connection = _HTTPConnection(version="2.1")
        connection.session.close()
        connection.session = session
        try:
            yield Collection(feed.url, conn=connection), session
        except (requests.RequestException, TAXIIServiceException, ValueError, KeyError) as error:
            raise PeerUnavailable("feed_failed", name=feed.name, url=feed.url, reason=_reason(error)) from error


def _reason(error: Exception) -> str:
    """One line, without the credentials that an address might hold."""
    return f"{type(error).__name__}: {str(error)[:200]}"
