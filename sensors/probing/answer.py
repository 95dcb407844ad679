"""What a probe can end in: how far it came, and what came of it, in words that stay."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from enum import StrEnum
from errno import EHOSTUNREACH, ENETUNREACH, ENOTCONN


class Step(StrEnum):
    """The last thing that was tried."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    HTTP = "http"


class Result(StrEnum):
    """What came of it. All but `answered` are failures, of the system or of what lies between."""

    ANSWERED = "answered"  # HTTP below 500, also a redirect or a refusal to strangers
    SERVER_ERROR = "server-error"  # HTTP 500 and above
    NO_SUCH_NAME = "no-such-name"  # the DNS says so, or it cannot be a name
    NAME_SERVER = "name-server"  # none answered, ours or the domain's
    UNREACHABLE = "unreachable"  # no way there
    REFUSED = "refused"  # nobody listens
    TIMEOUT = "timeout"
    CLOSED = "closed"  # hung up before an answer
    CERTIFICATE = "certificate"  # expired, for another name, or of no known authority
    TLS_ERROR = "tls-error"
    NOT_HTTP = "not-http"
    NOT_ASKED = "not-asked"  # this machine could not: out of files, forbidden by its own firewall


@dataclass(frozen=True, slots=True)
class Door:
    """Where a server is asked: `https` or `http`, and the TCP port."""

    scheme: str
    port: int


#: Where nothing listens at the first, the next is tried.
DOORS = (Door("https", 443), Door("http", 80))


@dataclass(slots=True)
class Answer:
    """How far a probe of a name came at a door, filled in on the way. `addresses` are those that it might have asked,
    `ip` is the one that it did ask; the certificate is DER, also where it was not accepted."""

    name: str
    door: Door
    step: Step = Step.DNS
    result: Result = Result.ANSWERED
    error: str = ""
    addresses: tuple[str, ...] = ()
    ip: str = ""
    tls_version: str = ""
    certificate: bytes = b""
    http_version: str = ""
    status: int = 0
    took_ns: int = 0

    @property
    def authority(self) -> str:
        """The name, with the port where the scheme means another (RFC 3986 §3.2)."""
        return self.name if self.door in DOORS else f"{self.name}:{self.door.port}"


_ABSENT = frozenset({socket.EAI_NONAME, socket.EAI_NODATA, socket.EAI_ADDRFAMILY})
_BY_NUMBER = {EHOSTUNREACH: Result.UNREACHABLE, ENETUNREACH: Result.UNREACHABLE, ENOTCONN: Result.CLOSED}
#: The first that fits.
_RESULTS: tuple[tuple[type[OSError], Result], ...] = (
    (ssl.SSLCertVerificationError, Result.CERTIFICATE),
    (ssl.SSLEOFError, Result.CLOSED),
    (ssl.SSLZeroReturnError, Result.CLOSED),
    (ssl.SSLError, Result.TLS_ERROR),
    (TimeoutError, Result.TIMEOUT),
    (ConnectionRefusedError, Result.REFUSED),
    (ConnectionError, Result.CLOSED),
)


def result_of(error: OSError) -> Result:
    """What a fault of the operating system, its resolver or OpenSSL means for the probe."""
    if isinstance(error, socket.gaierror):
        return Result.NO_SUCH_NAME if error.errno in _ABSENT else Result.NAME_SERVER
    numbered = _BY_NUMBER.get(error.errno or 0)
    return numbered or next((result for kind, result in _RESULTS if isinstance(error, kind)), Result.NOT_ASKED)
