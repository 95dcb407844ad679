"""The two backends behind `vonggac.ports`: SQLite in a folder (the default) and Elasticsearch.

One contract suite (tests/contracts/test_stores.py) holds both to the same answers. What both need and neither owns
(cursors, what makes a document storable, how a history grows) stands beside them in this folder.
"""

from __future__ import annotations

from vonggac.errors import UsageRefused
from vonggac.ports import Clock, Store
from vonggac.settings import Settings


def open_store(settings: Settings, *, clock: Clock) -> Store:
    """The store that `store.url` names: empty for SQLite under `data_dir`, `http(s)://…` for Elasticsearch.

    Raises StoreUnavailable when it cannot be reached, written or read, UsageRefused when the URL is of neither kind.
    """
    url = settings.store_url.strip()
    if not url:
        from vonggac.stores.sqlite import open_sqlite

        return open_sqlite(settings.data_dir)
    if url.startswith(("http://", "https://")):
        from vonggac.stores.elastic import open_elastic

        return open_elastic(url, settings.store_prefix, clock=clock)
    raise UsageRefused("bad_setting", name="store.url", value=url, origin="VONGGAC_STORE_URL", wanted="http(s)://…")
