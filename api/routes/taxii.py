"""TAXII 2.1 over HTTP: paths, media types and headers; what the answers mean is `sharing.taxii`'s."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from api.problems import HttpRefused
from api.security import Caller, ServicesOf, caller
from sharing.taxii import MAX_CONTENT, TAXII_MEDIA, Answer
from sharing.taxii_query import page_request

ROOT = "/taxii2/root/"


def acceptable(header: str) -> bool:
    """Whether `Accept` takes TAXII 2.1 (§1.6.8.1; RFC 9110 §12.5.1): the type with version 2.1 or none, or a wildcard,
    in a list, in any case, with any q but 0. No header takes anything."""
    return not header.strip() or any(_range_accepts(part) for part in header.split(","))


def _range_accepts(part: str) -> bool:
    media, *parameters = (piece.strip().lower() for piece in part.split(";"))
    given = dict(piece.partition("=")[::2] for piece in parameters if "=" in piece)
    given = {name.strip(): value.strip().strip('"') for name, value in given.items()}
    try:
        if float(given.get("q", "1")) <= 0:
            return False
    except ValueError:
        return False
    if media in ("*/*", "application/*"):
        return True
    return media == "application/taxii+json" and given.get("version", "2.1") == "2.1"


def negotiate(request: Request) -> None:
    """406 before anything else is told (§1.6.8)."""
    if not acceptable(",".join(request.headers.getlist("accept"))):
        raise HttpRefused(406, "taxii_accept", media=TAXII_MEDIA)


CallerOf = Annotated[Caller, Depends(caller)]
router = APIRouter(dependencies=[Depends(negotiate), Depends(caller)], tags=["taxii"], include_in_schema=False)


def taxii(answer: Answer, status: int = 200) -> Response:
    """The answer with TAXII's media type and, for objects, when its first and last were added (§3.4)."""
    headers = {}
    if answer.first and answer.last:
        headers = {"X-TAXII-Date-Added-First": answer.first, "X-TAXII-Date-Added-Last": answer.last}
    return Response(orjson.dumps(answer.body), status, headers, media_type=TAXII_MEDIA)


@router.get("/taxii2/")
def discovery(services: ServicesOf) -> Response:
    """§4.1."""
    return taxii(services.taxii.discovery(ROOT))


@router.get(ROOT)
def api_root(services: ServicesOf) -> Response:
    """§4.2."""
    return taxii(services.taxii.api_root())


@router.get(ROOT + "status/{status_id}/")
def status(status_id: str, services: ServicesOf, found: CallerOf) -> Response:
    """§4.3."""
    return taxii(services.taxii.status(found.principal, status_id))


@router.get(ROOT + "collections/")
def collections(services: ServicesOf, found: CallerOf) -> Response:
    """§5.1."""
    return taxii(services.taxii.collections(found.principal))


@router.get(ROOT + "collections/{collection_id}/")
def collection(collection_id: str, services: ServicesOf, found: CallerOf) -> Response:
    """§5.2."""
    return taxii(services.taxii.collection(found.principal, collection_id))


@router.get(ROOT + "collections/{collection_id}/manifest/")
def manifest(collection_id: str, request: Request, services: ServicesOf, found: CallerOf) -> Response:
    """§5.3."""
    asked = page_request(request.query_params.multi_items())
    return taxii(services.taxii.manifest(found.principal, services.directory(), collection_id, asked))


@router.get(ROOT + "collections/{collection_id}/objects/")
def objects(collection_id: str, request: Request, services: ServicesOf, found: CallerOf) -> Response:
    """§5.4."""
    asked = page_request(request.query_params.multi_items())
    return taxii(services.taxii.objects(found.principal, services.directory(), collection_id, asked))


@router.post(ROOT + "collections/{collection_id}/objects/")
async def add_objects(collection_id: str, request: Request, services: ServicesOf, found: CallerOf) -> Response:
    """§5.5. The addition is done when the answer comes; 202 is what the section asks for."""
    envelope = await _envelope(request)
    answer = await run_in_threadpool(services.taxii.add, found.principal, services.directory(), collection_id, envelope)
    return taxii(answer, 202)


@router.get(ROOT + "collections/{collection_id}/objects/{object_id}/")
def one_object(collection_id: str, object_id: str, request: Request, services: ServicesOf, found: CallerOf) -> Response:
    """§5.6."""
    asked = page_request(request.query_params.multi_items(), object_id=object_id)
    return taxii(services.taxii.objects(found.principal, services.directory(), collection_id, asked))


@router.delete(ROOT + "collections/{collection_id}/objects/{object_id}/")
def delete_object(
    collection_id: str, object_id: str, request: Request, services: ServicesOf, found: CallerOf
) -> Response:
    """§5.7."""
    versions = request.query_params.getlist("match[version]")
    services.taxii.delete(found.principal, services.directory(), collection_id, object_id, versions)
    return taxii(Answer({}))


@router.get(ROOT + "collections/{collection_id}/objects/{object_id}/versions/")
def versions(collection_id: str, object_id: str, request: Request, services: ServicesOf, found: CallerOf) -> Response:
    """§5.8."""
    asked = page_request(request.query_params.multi_items(), object_id=object_id, every_version=True)
    return taxii(services.taxii.versions(found.principal, services.directory(), collection_id, asked))


async def _envelope(request: Request) -> Any:
    """The JSON body, bounded before it is read."""
    media, _, version = request.headers.get("content-type", "").partition(";")
    wrong_version = "version" in version and "2.1" not in version
    if media.strip().lower() != "application/taxii+json" or wrong_version:
        raise HttpRefused(415, "taxii_content", media=TAXII_MEDIA)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_CONTENT:
            raise HttpRefused(413, "too_large", most=MAX_CONTENT)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise HttpRefused(400, "not_json", reason=str(error)) from error
