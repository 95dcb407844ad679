"""Pulling other nodes' collections through taxii2-client, on a session that cannot hang, wander or be drowned.

The client sets no timeout and follows redirects, so it gets a session of ours: both bounded, a cap on every answer, no
redirects, credentials for one origin only. Paging is ours too: the cursor moves after each page that was taken, and a
server that repeats a page is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
from requests.adapters import HTTPAdapter

from sharing.exchange import Accepted, Exchange, Sender
from vonggac.domain.agency import Directory
from vonggac.domain.times import format_instant
from vonggac.errors import Conflict, NotFound, PeerUnavailable, UsageRefused
from vonggac.ports import Clock, Record, RecordStore

FEED = "feed"  # kind of record
TIMEOUTS = (10.0, 30.0)  # connect, read; seconds
MAX_ANSWER = 64 * 1024 * 1024
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
        "last_result": feed.last_result,
    }


def add_feed(records: RecordStore, feed: Feed, *, insecure: bool = False) -> None:
    """The feed is in the table. Raises UsageRefused for an address that would send credentials in clear."""
    parts = urlsplit(feed.url)
    loopback = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise UsageRefused("feed_address", url=feed.url)
    if parts.scheme == "http" and not (loopback or insecure):
        raise UsageRefused("feed_in_clear", url=feed.url)
    try:
        records.put(FEED, feed.name, _body(feed), expected_version=0)
    except Conflict as error:
        raise Conflict("feed_exists", name=feed.name) from error


def feeds(records: RecordStore) -> list[Feed]:
    return [feed_from(record) for record in records.list(FEED)]


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
        self._save(feed, _line(total))
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


def pages(feed: Feed) -> Iterable[tuple[list[Any], str | None]]:
    """Each page's objects and the time its last one was added there. Raises PeerUnavailable after the good pages."""
    from taxii2client.common import _HTTPConnection
    from taxii2client.exceptions import TAXIIServiceException
    from taxii2client.v21 import Collection

    with PeerSession(feed.url) as session:
        connection = _HTTPConnection(feed.user or None, feed.password or None, version="2.1")
        session.auth = connection.session.auth
        connection.session.close()
        connection.session = session
        collection = Collection(feed.url, conn=connection)
        asked: dict[str, str | int] = {"limit": PAGE}
        if feed.added_after:
            asked["added_after"] = feed.added_after
        seen: set[int] = set()
        for _ in range(MAX_PAGES):
            try:
                page = collection.get_objects(**asked)
            except (requests.RequestException, TAXIIServiceException, ValueError, KeyError) as error:
                raise PeerUnavailable("feed_failed", name=feed.name, url=feed.url, reason=_reason(error)) from error
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


def _reason(error: Exception) -> str:
    """One line, without the credentials that an address might hold."""
    return f"{type(error).__name__}: {str(error)[:200]}"


class PeerSession(requests.Session):
    """A session for one origin: bounded in time and size, no redirects, no proxies or netrc of the environment."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.trust_env = False
        self.date_added_last: str | None = None
        self._origin = urlsplit(url)[:2]
        self.mount("http://", HTTPAdapter(max_retries=1))
        self.mount("https://", HTTPAdapter(max_retries=1))

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        address = url.decode() if isinstance(url, bytes) else url
        if urlsplit(address)[:2] != self._origin:
            raise requests.exceptions.InvalidURL(f"{address} is not of the feed's origin")
        kwargs |= {"timeout": TIMEOUTS, "allow_redirects": False, "stream": True}
        response = super().request(method, url, *args, **kwargs)
        if response.is_redirect:
            response.close()
            raise requests.exceptions.TooManyRedirects("the server redirects, which is not followed")
        response._content = _bounded(response)
        self.date_added_last = response.headers.get("X-TAXII-Date-Added-Last")
        return response


def _bounded(response: requests.Response) -> bytes:
    chunks, size = [], 0
    for chunk in response.iter_content(65_536):
        size += len(chunk)
        if size > MAX_ANSWER:
            response.close()
            raise requests.exceptions.ContentDecodingError(f"the answer is larger than {MAX_ANSWER} bytes")
        chunks.append(chunk)
    return b"".join(chunks)
