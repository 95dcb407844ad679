"""Who is asking, over HTTP: a session cookie for people, Bearer tokens, Basic and client certificates for programs.

Every router takes one of these dependencies; a route without one is public on purpose and listed in the tests.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import math
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated

from fastapi import Depends, Request

from api.problems import HttpRefused
from api.services import Services
from vonggac.accounts import Accounts, same_secret
from vonggac.domain.access import EVERYTHING, Action, Principal, Scope, visible_to
from vonggac.errors import NotAuthenticated, SharingRefused
from vonggac.numbers import incident_named

SESSION_COOKIE = "vg_session"
FORM_HEADER = "x-form-token"
FORM_FIELD = "form_token"
_UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
#: Argon2id takes a third of a second and 64 MiB, so only so many at once, and a program's answer is kept a while.
_AT_ONCE = threading.BoundedSemaphore(2)
BASIC_KEPT_SECONDS = 300.0
BASIC_KEPT_MOST = 1_000
#: So many failures within so many seconds, and the name is closed to that client until the oldest is that old.
FAILURES = 10
FAILURE_SECONDS = 300.0
FAILURE_NAMES = 10_000


@dataclass(frozen=True, slots=True)
class Caller:
    """The principal, what it may see, and the form token of its session (empty for programs)."""

    principal: Principal
    scope: Scope
    form_token: str = ""


def services_of(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesOf = Annotated[Services, Depends(services_of)]


def caller(request: Request, services: ServicesOf) -> Caller:
    """Whoever the credentials name. Raises NotAuthenticated; for a form of another site HttpRefused 403."""
    header = request.headers.get("authorization", "")
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        principal, token = services.accounts.check_token(value.strip()), ""
    elif scheme.lower() == "basic":
        principal, token = basic_principal(request, services.accounts, value.strip()), ""
    elif SESSION_COOKIE in request.cookies:
        principal, token = services.accounts.session(request.cookies[SESSION_COOKIE])
        check_same_site(request, token)
    elif (certificate := getattr(request.state, "certificate", None)) is not None:
        check_own_site(request)  # a browser shows certificates unasked
        principal, token = services.accounts.check_certificate(certificate), ""
    else:
        raise NotAuthenticated("not_logged_in")
    return Caller(principal, visible_to(principal, services.directory()), token)


CallerOf = Annotated[Caller, Depends(caller)]


def may(action: Action) -> Callable[[Caller], Caller]:
    """A dependency: the caller, if its role allows the action. Raises SharingRefused."""

    def check(found: CallerOf) -> Caller:
        if not found.principal.may(action):
            raise SharingRefused("role_may_not", role=found.principal.role, action=action)
        return found

    return check


def publishes(found: Caller) -> bool:
    """Whether the caller may publish: a table counts every incident, so it must see them all."""
    return found.principal.may(Action.PUBLISH) and found.scope == EVERYTHING


def may_publish(found: Annotated[Caller, Depends(may(Action.PUBLISH))]) -> Caller:
    """A dependency: the caller, if it may publish. Raises SharingRefused."""
    if not publishes(found):
        raise SharingRefused("publish_national", agency=found.principal.agency)
    return found


def check_same_site(request: Request, token: str) -> None:
    """A browser's unsafe request comes from our own page: the site says so, and the form or header has its token."""
    if request.method not in _UNSAFE:
        return
    check_own_site(request)
    given = request.headers.get(FORM_HEADER) or getattr(request.state, "form_token", "")
    if not given or not same_secret(given, token):
        raise HttpRefused(403, "foreign_form")


def check_own_site(request: Request) -> None:
    """An unsafe request does not come from another site's page, if it comes from a page at all."""
    foreign = request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
    if foreign and request.method in _UNSAFE:
        raise HttpRefused(403, "foreign_form")


class Attempts:
    """Failed logins by name and client address: too many in a while, and the next are refused unread."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._failed: dict[tuple[str, str], deque[float]] = {}
        self._lock = threading.Lock()

    def wait(self, name: str, client: str) -> int:
        """Seconds until this client may try this name again; 0 for now."""
        with self._lock:
            times = self._failed.get((name, client), deque())
            recent = [at for at in times if at > self._now() - FAILURE_SECONDS]
            return math.ceil(recent[0] + FAILURE_SECONDS - self._now()) if len(recent) >= FAILURES else 0

    def failed(self, name: str, client: str) -> None:
        with self._lock:
            if len(self._failed) >= FAILURE_NAMES and (name, client) not in self._failed:
                del self._failed[next(iter(self._failed))]
            self._failed.setdefault((name, client), deque(maxlen=FAILURES)).append(self._now())

    def succeeded(self, name: str, client: str) -> None:
        with self._lock:
            self._failed.pop((name, client), None)


def guarded_password(request: Request, accounts: Accounts, name: str, password: str) -> Principal:
    """As `Accounts.check_password`, a bounded number at once; HttpRefused 429 after too many failures."""
    attempts: Attempts = request.app.state.attempts
    key = (name.strip().lower()[:100], request.client.host if request.client else "")
    wait = attempts.wait(*key)
    if wait:
        raise HttpRefused(429, "too_many_failures", headers={"Retry-After": str(wait)}, seconds=wait)
    try:
        with _AT_ONCE:
            principal = accounts.check_password(name, password)
    except NotAuthenticated:
        attempts.failed(*key)
        raise
    attempts.succeeded(*key)
    return principal


class BasicMemory:
    """Credentials found right a short while ago, kept as keyed digests, so that a poll does not cost an Argon2id."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._known: dict[bytes, tuple[float, Principal]] = {}
        self._lock = threading.Lock()

    def get(self, credentials: str) -> Principal | None:
        with self._lock:
            kept = self._known.get(self._digest(credentials))
        return kept[1] if kept and kept[0] > time.monotonic() else None

    def put(self, credentials: str, principal: Principal) -> None:
        with self._lock:
            if len(self._known) >= BASIC_KEPT_MOST:
                self._known.clear()
            self._known[self._digest(credentials)] = (time.monotonic() + BASIC_KEPT_SECONDS, principal)

    def _digest(self, credentials: str) -> bytes:
        return hmac.digest(self._key, credentials.encode(), sha256)


def basic_principal(request: Request, accounts: Accounts, credentials: str) -> Principal:
    """RFC 7617, UTF-8."""
    memory: BasicMemory = request.app.state.basic_memory
    kept = memory.get(credentials)
    if kept is not None:
        return kept
    try:
        name, colon, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise NotAuthenticated("wrong_credentials") from error
    if not colon:
        raise NotAuthenticated("wrong_credentials")
    principal = guarded_password(request, accounts, name, password)
    memory.put(credentials, principal)
    return principal


def named_incident(identity: str, services: ServicesOf, found: CallerOf) -> str:
    """The id of the incident that an address names, by id or number. Raises NotFound for what the scope hides."""
    return incident_named(services.store.incidents, identity, found.scope)


#: `{identity}` of an address.
Named = Annotated[str, Depends(named_incident)]
