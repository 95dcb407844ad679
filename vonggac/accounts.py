"""Who may come in: people with passwords, programs with tokens or certificates, one-time links, sessions.

Secrets are never kept: passwords as Argon2id, everything else (256 random bits) as its SHA-256.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from vonggac.domain.access import Principal, UserRole
from vonggac.domain.incident import CORRELATOR, FOREIGN_ACTORS
from vonggac.domain.times import format_instant, parse_instant
from vonggac.errors import Conflict, NotAuthenticated, NotFound, UsageRefused
from vonggac.ports import Clock, RecordStore

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SESSION_HOURS = 12
LINK_MINUTES = 60
MIN_PASSWORD = 12
_CERTIFICATE = "certificate:"  # before a fingerprint, which nobody can give as a token
TOKEN_PREFIX = "vgt_"  # noqa: S105 - a prefix, so that a leaked token is recognised for what it is


@dataclass(frozen=True, slots=True)
class User:
    name: str
    role: UserRole
    agency: str | None
    has_password: bool

    @property
    def principal(self) -> Principal:
        return Principal(self.name, self.role, self.agency)


class Accounts:
    """Users, tokens and sessions in the record store."""

    def __init__(self, records: RecordStore, clock: Clock) -> None:
        self._records = records
        self._clock = clock

    # people

    def add_user(self, name: str, role: UserRole, agency: str | None = None, password: str | None = None) -> User:
        """Raises Conflict when the name is taken, UsageRefused when the password is too short."""
        name = name.strip().lower()
        if not name or len(name) > 100:
            raise UsageRefused("user_name", name=name)
        _not_reserved(name)
        body = {"role": str(role), "agency": agency, "password": _hashed(password)}
        try:
            self._records.put("user", name, body, expected_version=0)
        except Conflict as error:
            raise Conflict("user_exists", name=name) from error
        return User(name, role, agency, password is not None)

    def users(self) -> list[User]:
        return [_user(record.key, record.body) for record in self._records.list("user")]

    def set_password(self, name: str, password: str) -> None:
        record = self._records.get("user", name)
        if record is None:
            raise NotFound("unknown_user", name=name)
        body = {**record.body, "password": _hashed(password)}
        self._records.put("user", name, body, expected_version=record.version)

    def remove_user(self, name: str) -> None:
        if not self._records.delete("user", name):
            raise NotFound("unknown_user", name=name)

    def check_password(self, name: str, password: str) -> Principal:
        """Takes as long for an unknown name as for a wrong password, and says the same of both (NotAuthenticated)."""
        record = self._records.get("user", name.strip().lower())
        kept = (record.body.get("password") if record else None) or _nobody()
        good = _verify(kept, password)
        if record is None or not good:
            raise NotAuthenticated("wrong_credentials")
        return _user(record.key, record.body).principal

    # programs

    def create_token(self, role: UserRole, agency: str | None = None, label: str = "") -> str:
        """A new token, shown only now."""
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)
        self._records.put("token", _digest(token), self._program(role, agency, label, token[:10]), expected_version=0)
        return token

    def check_token(self, token: str) -> Principal:
        return self._known(_digest(token))

    def admit_certificate(self, der: bytes, role: UserRole, agency: str | None = None, label: str = "") -> str:
        """Who shows this certificate comes in as this program; its SHA-256. Raises Conflict when it is known."""
        fingerprint = sha256(der).hexdigest()
        body = self._program(role, agency, label, fingerprint[:10])
        try:
            self._records.put("token", _digest(_CERTIFICATE + fingerprint), body, expected_version=0)
        except Conflict as error:
            raise Conflict("certificate_known", fingerprint=fingerprint) from error
        return fingerprint

    def check_certificate(self, der: bytes) -> Principal:
        """Whose certificate this is; that it is valid, and whose key was shown, TLS has seen to."""
        return self._known(_digest(_CERTIFICATE + sha256(der).hexdigest()))

    def _program(self, role: UserRole, agency: str | None, label: str, shown: str) -> dict[str, Any]:
        _not_reserved(label.strip().lower())
        created = format_instant(self._clock())
        return {"role": str(role), "agency": agency, "label": label, "shown": shown, "created_at": created}

    def _known(self, key: str) -> Principal:
        record = self._records.get("token", key)
        if record is None:
            raise NotAuthenticated("wrong_credentials")
        name = record.body["label"] or f"token {record.body['shown']}…"
        return Principal(name, UserRole(record.body["role"]), record.body["agency"])

    # browsers

    def open_session(self, principal: Principal) -> tuple[str, str]:
        """(session secret for the cookie, token that forms must send back)."""
        secret, form = secrets.token_urlsafe(32), secrets.token_urlsafe(24)
        until = self._clock() + timedelta(hours=SESSION_HOURS)
        self._records.put(
            "session", _digest(secret), {**_principal(principal), "form": form, "until": format_instant(until)}
        )
        return secret, form

    def session(self, secret: str) -> tuple[Principal, str]:
        """The principal of a session still open, and its form token. Raises NotAuthenticated."""
        record = self._records.get("session", _digest(secret))
        if record is None or self._over(record.body):
            raise NotAuthenticated("session_over")
        body = record.body
        return Principal(body["name"], UserRole(body["role"]), body["agency"]), str(body["form"])

    def close_session(self, secret: str) -> None:
        self._records.delete("session", _digest(secret))

    def one_time_link(self, principal: Principal) -> str:
        """A secret that opens one session, once, within LINK_MINUTES."""
        secret = secrets.token_urlsafe(32)
        until = self._clock() + timedelta(minutes=LINK_MINUTES)
        self._records.put("link", _digest(secret), {**_principal(principal), "until": format_instant(until)})
        return secret

    def use_link(self, secret: str) -> Principal:
        record = self._records.get("link", _digest(secret))
        # Deleting decides: of two who come with the same link, one gets in.
        if record is None or not self._records.delete("link", record.key) or self._over(record.body):
            raise NotAuthenticated("link_used")
        return Principal(record.body["name"], UserRole(record.body["role"]), record.body["agency"])

    def forget_expired(self) -> int:
        """Sessions and links that are over are gone; how many they were."""
        over = [(kind, record) for kind in ("session", "link") for record in self._records.list(kind)]
        return sum(self._records.delete(kind, record.key) for kind, record in over if self._over(record.body))

    def _over(self, body: Mapping[str, Any]) -> bool:
        return parse_instant(body["until"]) <= self._clock()


def same_secret(given: str, kept: str) -> bool:
    """Compared in a time that does not tell how much of it was right."""
    return hmac.compare_digest(given.encode(), kept.encode())


@cache
def _not_reserved(name: str) -> None:
    """Raises UsageRefused for what histories call an actor that is no person."""
    if name == CORRELATOR or name.startswith(FOREIGN_ACTORS):
        raise UsageRefused("user_reserved", name=name)


def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher()


@cache
def _nobody() -> str:
    return _hasher().hash(secrets.token_hex(16))


def _hashed(password: str | None) -> str | None:
    if password is None:
        return None
    if len(password) < MIN_PASSWORD:
        raise UsageRefused("short_password", least=MIN_PASSWORD)
    return _hasher().hash(password)


def _verify(kept: str, password: str) -> bool:
    from argon2.exceptions import VerificationError

    try:
        return _hasher().verify(kept, password)
    except VerificationError:
        return False


def _user(name: str, body: Mapping[str, Any]) -> User:
    return User(name, UserRole(body["role"]), body.get("agency"), body.get("password") is not None)


def _principal(principal: Principal) -> dict[str, Any]:
    return {"name": principal.name, "role": str(principal.role), "agency": principal.agency}


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
