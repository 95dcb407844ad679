"""`/api/v1/events/{id}/evidence`: the packets behind an event, to people of its own agency and of those above it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from api.routes.console import visible_event
from api.security import Caller, ServicesOf, may
from vonggac.domain.access import Action

PCAP = "application/vnd.tcpdump.pcap"
Reader = Annotated[Caller, Depends(may(Action.READ_CONSOLE))]
router = APIRouter(prefix="/api/v1/events", tags=["events"])


@router.get("/{identity}/evidence", response_class=Response, responses={200: {"content": {PCAP: {}}}})
def get_evidence(identity: str, services: ServicesOf, found: Reader) -> Response:
    """The packets of the event's flow. An incident that was shared shows its events, and never their packets. The
    headers tell how many packets there are, from how many segments, and how many of these still have their hash."""
    packets = services.packets([visible_event(services.store, found, identity, "")])
    headers = {
        "Content-Disposition": f'attachment; filename="{identity}.pcap"',
        "X-Evidence-Packets": str(packets.packets),
        "X-Evidence-Segments": str(packets.segments),
        "X-Evidence-Verified": str(packets.verified),
    }
    return Response(packets.pcap, media_type=PCAP, headers=headers)
