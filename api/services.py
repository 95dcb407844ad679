"""What the API is given: built by `bootstrap`, so that nothing here opens a store or reads a setting by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sensors.base import Batch
from sensors.evidence import Found
from sharing.exchange import Exchange
from sharing.outbox import Outbox
from sharing.subscribe import Subscriber
from sharing.taxii import TaxiiServer
from vonggac.accounts import Accounts
from vonggac.domain.access import Principal, Scope
from vonggac.domain.account import Tally
from vonggac.domain.agency import Directory
from vonggac.domain.event import Document
from vonggac.domain.suppression import Known
from vonggac.duties.acts import Reporting
from vonggac.ports import Clock, Store
from vonggac.publishing import Publisher
from vonggac.suppressions.acts import Suppressing


@dataclass(frozen=True, slots=True)
class JobLine:
    """A job as the status page shows it; times are RFC 3339."""

    name: str
    every_seconds: float
    last_run: str
    last_result: str
    owner: str


@dataclass(frozen=True, slots=True)
class Services:
    """`take` runs a sensor's batch, and its id where it has one, through the pipeline; `packets` finds those behind
    events; `told` says how all that may be detected is; `secure` says whether cookies need TLS."""

    store: Store
    accounts: Accounts
    clock: Clock
    directory: Callable[[], Directory]
    exchange: Exchange
    taxii: TaxiiServer
    subscriber: Subscriber
    take: Callable[[Batch, str], Mapping[str, object]]
    packets: Callable[[Sequence[Document]], Found]
    stages: Callable[[], Mapping[str, Tally]]
    matching: Callable[[], Mapping[str, int]]
    suppressing: Callable[[Principal], Suppressing]
    reporting: Callable[[Principal, Scope], Reporting]
    publisher: Callable[[], Publisher]
    outbox: Callable[[], Outbox]
    told: Callable[[], Known]
    jobs: Callable[[], Sequence[JobLine]]
    node_name: str
    secure: bool
