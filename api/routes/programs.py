"""The rest of `/api/v1`: agencies, feeds, jobs, and the sensors' intake."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any

import orjson
import zstandard
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from api.problems import HttpRefused
from api.security import Caller, ServicesOf, may
from api.services import Services
from sensors.base import Batch, batch_from
from sharing.subscribe import Feed, add_feed, feed_data, feeds, remove_feed
from vonggac.domain.access import Action
from vonggac.domain.agency import Directory, Level
from vonggac.domain.event import field as value_at
from vonggac.errors import InvalidRecord, SharingRefused
from vonggac.units import agency_data, by_name

Reader = Annotated[Caller, Depends(may(Action.READ_STATISTICS))]
Administrator = Annotated[Caller, Depends(may(Action.ADMINISTER))]
SensorCaller = Annotated[Caller, Depends(may(Action.SEND_EVENTS))]
router = APIRouter(prefix="/api/v1")
#: The largest batch a sensor may send, in bytes.
MAX_BATCH = 64 * 1024 * 1024
#: What a compressed one may make us hold to inflate it.
MAX_WINDOW = 8 << 20
_BATCH_ID = re.compile(r"[0-9a-f]{32}/[0-9]{1,18}")


@router.get("/agencies", tags=["agencies"])
def agencies(services: ServicesOf, found: Reader, on: date | None = None, level: Level | None = None) -> dict[str, Any]:
    """Every unit in every validity, or those of a day or level, by name."""
    units = (unit for unit in services.directory().agencies if on is None or unit.valid_on(on))
    return {"agencies": [agency_data(unit) for unit in by_name(units) if level is None or unit.level is level]}


class NewFeed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=100)
    url: str = Field(max_length=2_000)
    user: str = Field("", max_length=200)
    password: str = Field("", max_length=1_000)
    agency: str | None = None


@router.get("/feeds", tags=["feeds"])
def list_feeds(services: ServicesOf, found: Administrator) -> dict[str, Any]:
    """The feeds that this node pulls; passwords are not shown."""
    return {"feeds": [feed_data(feed) for feed in feeds(services.store.records)]}


@router.post("/feeds", tags=["feeds"], status_code=201)
def new_feed(body: NewFeed, services: ServicesOf, found: Administrator) -> dict[str, Any]:
    """A feed to pull from now on."""
    feed = Feed(body.name, body.url, body.user, body.password, body.agency)
    add_feed(services.store.records, feed)
    return feed_data(feed)


@router.post("/feeds/{name}/pull", tags=["feeds"])
def pull_feed(name: str, services: ServicesOf, found: Administrator) -> dict[str, Any]:
    """Pulls it now; what it brought."""
    came = services.subscriber.pull(name, services.directory())
    return {
        "taken": came.taken,
        "incidents": came.incidents,
        "indicators": came.indicators,
        "known": came.known,
        "refused": [{"object": each.location, "reason": each.reason} for each in came.refused],
    }


@router.delete("/feeds/{name}", tags=["feeds"], status_code=204)
def delete_feed(name: str, services: ServicesOf, found: Administrator) -> None:
    """No longer pulled; what it brought stays."""
    remove_feed(services.store.records, name)


@router.get("/jobs", tags=["jobs"])
def jobs(services: ServicesOf, found: Administrator) -> dict[str, Any]:
    """Repeating work and how it last went."""
    return {
        "jobs": [
            {
                "name": job.name,
                "every_seconds": job.every_seconds,
                "last_run": job.last_run,
                "last_result": job.last_result,
                "owner": job.owner,
            }
            for job in services.jobs()
        ]
    }


@router.post("/intake", tags=["intake"])
async def intake(request: Request, services: ServicesOf, found: SensorCaller) -> dict[str, Any]:
    """A sensor's batch (JSON, also zstd-compressed), whole or not at all; sending it again adds nothing twice. The
    header Vonggac-Batch (SPOOL/NUMBER) names it, so that one sent again is not counted twice either."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BATCH:
            raise HttpRefused(413, "too_large", most=MAX_BATCH)
    identity = request.headers.get("Vonggac-Batch", "")
    try:
        if identity and not _BATCH_ID.fullmatch(identity):
            raise ValueError("Vonggac-Batch is not SPOOL/NUMBER")
        compressed = request.headers.get("Content-Encoding", "").lower() == "zstd"
        batch = batch_from(orjson.loads(await run_in_threadpool(_inflate, bytes(body)) if compressed else body))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise InvalidRecord("bad_batch", location=found.principal.name, line=0, reason=reason) from error
    return await run_in_threadpool(_take, batch, identity, services, found)


def _inflate(body: bytes) -> bytes:
    """At most MAX_BATCH bytes, whatever the body says of itself. Raises HttpRefused and ValueError."""
    out = bytearray()
    try:
        with zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).stream_reader(body) as reader:
            while piece := reader.read(1 << 20):
                out += piece
                if len(out) > MAX_BATCH:
                    raise HttpRefused(413, "too_large", most=MAX_BATCH)
    except zstandard.ZstdError as error:
        raise ValueError(f"not zstd: {error}") from error
    return bytes(out)


def _take(batch: Batch, identity: str, services: Services, found: Caller) -> dict[str, Any]:
    check_agencies(batch, found, services.directory())
    return dict(services.take(batch, identity))


def check_agencies(batch: Batch, found: Caller, directory: Directory) -> None:
    """A sensor whose token names an agency speaks for that agency and those below it only. Raises SharingRefused."""
    own = found.principal.agency
    if own is None:
        return
    allowed = directory.below(own)
    for event in batch.events:
        agency = value_at(event, "organization.id")
        if agency is not None and agency not in allowed:
            raise SharingRefused("sensor_agency", agency=agency, own=own)
