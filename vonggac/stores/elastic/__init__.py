"""The store of a cluster: Elasticsearch 9, indices under one prefix (docs/adr/0002)."""

from __future__ import annotations

from vonggac.ports import Clock
from vonggac.stores.elastic.events import ElasticEventStore
from vonggac.stores.elastic.feeds import ElasticFeedStore
from vonggac.stores.elastic.incidents import ElasticIncidentStore
from vonggac.stores.elastic.records import ElasticRecordStore
from vonggac.stores.elastic.server import Server


def open_elastic(urls: str, prefix: str, *, clock: Clock) -> ElasticStore:
    """The store under that prefix, its indices made where they are not there. Raises StoreUnavailable."""
    server = Server(urls, prefix)
    try:
        server.install()
        store = ElasticStore(server, clock)
        store.incidents.complete()
    except BaseException:
        server.close()
        raise
    return store


class ElasticStore:
    """`vonggac.ports.Store` on a cluster."""

    def __init__(self, server: Server, clock: Clock) -> None:
        self._server = server
        self.events = ElasticEventStore(server)
        self.incidents = ElasticIncidentStore(server)
        self.feeds = ElasticFeedStore(server, clock)
        self.records = ElasticRecordStore(server)

    def describe(self) -> str:
        return f"Elasticsearch, {self._server.where}, {self._server.prefix}-*"

    def check(self) -> None:
        self._server.check()

    def close(self) -> None:
        self._server.close()
