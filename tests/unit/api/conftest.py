"""The application over a real embedded store, with an agency, two incidents and clients for every role."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.security import SESSION_COOKIE
from api.services import JobLine, Services
from sensors.base import Batch
from sharing.exchange import Exchange
from sharing.outbox import Outbox, Receiver
from sharing.stix import NodeIdentity
from sharing.subscribe import Subscriber
from sharing.taxii import TaxiiServer
from tests.contracts.store_samples import NOVEMBER, event, later
from vonggac.accounts import Accounts
from vonggac.directory import load_directory, save_agencies
from vonggac.domain.access import Principal, UserRole
from vonggac.domain.account import Tally
from vonggac.domain.agency import Agency, Level
from vonggac.domain.detection import Detection, RuleInfo, Ruleset, detection_id
from vonggac.domain.incident import Entry, EntryKind, Evidence, entry_id, evidence_data, incident_id
from vonggac.domain.suppression import Told
from vonggac.duties.acts import Reporting
from vonggac.evidence import packets_behind
from vonggac.ports import Clock, Ids, Store
from vonggac.publishing import Publisher, signing_key
from vonggac.settings import Settings
from vonggac.suppressions.acts import Suppressing

AGENCIES = (
    Agency("G99", "Bộ Mẫu", Level.MINISTRY, name_en="Model Ministry"),
    Agency("T98", "Tỉnh Mẫu A", Level.PROVINCE, name_en="Model Province A"),
)


@dataclass
class Node:
    """The application and what it stands on; `taken` are the batches that sensors sent."""

    app: FastAPI
    store: Store
    services: Services
    taken: list[Batch] = field(default_factory=list)

    def client(self, address: str = "192.0.2.9", **headers: str) -> Client:
        """A client at that address."""
        return Client(self.app, address, headers)

    def program(self, role: UserRole, agency: str | None = None) -> Client:
        token = self.services.accounts.create_token(role, agency, f"{role} program")
        return self.client(Authorization=f"Bearer {token}")

    def browser(self, role: UserRole, agency: str | None = None) -> Browser:
        secret, token = self.services.accounts.open_session(Principal(f"chị {role}", role, agency))
        client = self.client(Accept="text/html")
        client.cookies.set(SESSION_COOKIE, secret)
        return Browser(client, token)


class Client:
    """Speaks HTTP to the application without a socket; keeps cookies, follows no redirect."""

    def __init__(self, app: FastAPI, address: str, headers: Mapping[str, str]) -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 40_000))
        self._http = httpx.AsyncClient(transport=transport, base_url="http://nut.example", headers=headers)

    @property
    def cookies(self) -> httpx.Cookies:
        return self._http.cookies

    def request(self, method: str, path: str, **given: Any) -> httpx.Response:
        return asyncio.run(self._http.request(method, path, **given))

    def get(self, path: str, **given: Any) -> httpx.Response:
        return self.request("GET", path, **given)

    def post(self, path: str, **given: Any) -> httpx.Response:
        return self.request("POST", path, **given)


@dataclass
class Browser:
    """A logged-in browser that fills in the forms' token."""

    client: Client
    token: str

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return self.client.get(path, headers=dict(headers or {}))

    def post(self, path: str, headers: Mapping[str, str] | None = None, **fields: str | list[str]) -> httpx.Response:
        return self.client.post(path, data={"form_token": self.token, **fields}, headers=dict(headers or {}))


@pytest.fixture
def node(store: Store, clock: Clock, ids: Ids, tmp_path: Path) -> Node:
    save_agencies(store.records, AGENCIES)
    exchange = Exchange(store, clock, NodeIdentity("nút thử"))
    exchange.ensure_collections()
    taken: list[Batch] = []

    def take(batch: Batch, identity: str = "") -> Mapping[str, object]:
        taken.append(batch)
        return {"events": len(batch.events)}

    # Nobody listens on this port: it is one that ends a connection as soon as it is asked for.
    receiver = Receiver("http://127.0.0.1:1/bao-cao", "", day=0, hour=8)
    services = Services(
        store=store,
        accounts=Accounts(store.records, clock),
        clock=clock,
        directory=lambda: load_directory(store.records),
        exchange=exchange,
        taxii=TaxiiServer(store, exchange, clock, ids, "nút thử"),
        subscriber=Subscriber(store.records, exchange, clock),
        take=take,
        packets=lambda documents: packets_behind(store.events, Settings(data_dir=tmp_path), documents),
        stages=lambda: {"sense": Tally(10, 7, 2, {"truncated": 1}), "detect": Tally(7, 7)},
        matching=lambda: {"late": 3},
        suppressing=lambda principal: Suppressing(
            store.records, clock, ids, load_directory(store.records), principal, timedelta(days=366)
        ),
        reporting=lambda principal, scope: Reporting(
            store, clock, ids, load_directory(store.records), principal, scope
        ),
        publisher=lambda: Publisher(store, signing_key(tmp_path / "publishing.key")),
        outbox=lambda: Outbox(store, receiver, clock),
        told=lambda: {
            "rule-1": Told("EN Quét cổng", "Quét cổng", frozenset({"port-scan"})),
            "rule-2": Told("Flood", "Làm ngập", frozenset({"dos"})),
        },
        jobs=lambda: [JobLine("retention", 86_400.0, "", "", "")],
        node_name="nút thử",
        secure=False,
    )
    return Node(create_app(services), store, services, taken)


def add_incident(
    store: Store,
    number: int,
    *,
    agency: str = "G99",
    tlp: str = "amber",
    title: str = "Quét cổng",
    entity: str = "203.0.113.66",
    detections: int = 2,
) -> str:
    """An incident of that agency with its detections and their events; its id."""
    identity = incident_id("test", number)
    opened = {
        "key": f"k{number}",
        "title": f"EN {title}",
        "title_vi": title,
        "kind": "port-scan",
        "entity": entity,
        "category": "unauthorized-access",
        "severity": "high",
        "tlp": tlp,
    }
    involved = {"agency": agency, "role": "victim"}
    entries = [
        Entry(entry_id(identity, "opened"), EntryKind.OPENED, NOVEMBER, NOVEMBER, "correlator", opened),
        Entry(entry_id(identity, "involved"), EntryKind.INVOLVED, NOVEMBER, NOVEMBER, "correlator", involved),
        *(add_detection(store, identity, number, each, agency, title) for each in range(detections)),
    ]
    store.incidents.append(identity, entries)
    return identity


def add_detection(store: Store, identity: str, number: int, each: int, agency: str, title: str = "Quét cổng") -> Entry:
    """A detection and its event stand in the store; the entry that tells the incident's history of it."""
    name = f"event-{number}-{each}"
    at = later(60 * each)
    store.events.add_events(
        [
            event(
                name,
                at,
                source_ip="203.0.113.66",
                destination_ip="10.10.0.80",
                organization_id=agency,
                vonggac_source={"fingerprint": "cfe5f9fb91a64648", "position": 41 + each},
            )
        ]
    )
    rule = RuleInfo("rule-1", f"EN {title}", title, Ruleset.SIGMA, "high", author="Vọng Gác", techniques=("T1046",))
    found = Detection(detection_id("rule-1", [name]), rule, at, at, at, (name,), {"organization.id": agency})
    store.events.add_detections([found])
    part = Evidence(found.id, rule.id, rule.name, rule.name_vi, rule.level, at, at, (name,), rule.techniques)
    return Entry(entry_id(identity, found.id), EntryKind.DETECTED, at, at, "correlator", evidence_data(part))


@pytest.fixture
def ministry_incident(node: Node) -> str:
    return add_incident(node.store, 1, agency="G99")


@pytest.fixture
def province_incident(node: Node) -> str:
    return add_incident(node.store, 2, agency="T98")
