"""Asks one name whether it answers: DNS, TCP, TLS with verification, `GET /`, all of them within one span of time.

Nothing is followed, nothing is kept: of what a server sends only the first line is read, and its certificate.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from contextlib import suppress
from errno import ECONNRESET
from queue import Empty, SimpleQueue
from typing import Any

from sensors.probing.answer import DOORS, Answer, Door, Result, Step, result_of
from vonggac import __version__
from vonggac.errors import UsageRefused

#: The first line of an answer is looked for in so many bytes.
MAX_READ = 65_536
#: Of a name with more addresses only the first of them are asked.
MAX_ADDRESSES = 4


def trusting(authorities: str = "") -> ssl.SSLContext:
    """Accepts certificates of the authorities that the system knows and of those in this PEM file.

    Raises UsageRefused where the file cannot be used.
    """
    context = ssl.create_default_context()
    if authorities:
        try:
            context.load_verify_locations(authorities)
        except ssl.SSLError as error:
            raise UsageRefused("no_certificate", path=authorities, reason=error.reason) from error
        except OSError as error:
            raise UsageRefused("credential_unreadable", path=authorities) from error
    return context


def ask(domain: str, trust: ssl.SSLContext, seconds: float, doors: tuple[Door, ...] = DOORS) -> Answer:
    """How the domain answers at the first door at which somebody listens; `seconds` are for all doors and steps."""
    began, deadline = time.monotonic_ns(), Deadline(seconds)
    for door in doors:
        answer = _ask_at(door, domain, trust, deadline)
        if answer.result is not Result.REFUSED:
            break
    answer.took_ns = time.monotonic_ns() - began
    return answer


class Deadline:
    """When a probe ends."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds, more than 0. Raises TimeoutError when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def _ask_at(door: Door, domain: str, trust: ssl.SSLContext, deadline: Deadline) -> Answer:
    name = wire_name(domain)
    answer = Answer(name or domain, door)
    try:
        places = _places(name, door.port, deadline)
        answer.addresses = tuple(dict.fromkeys(_address(place) for _, place in places))
        answer.step = Step.CONNECT
        link, place = connected(places, answer, deadline, trust if door.scheme == "https" else None)
        with link:
            if isinstance(link, ssl.SSLSocket):
                answer.step = Step.TLS
                _shake_hands(link, place, answer, deadline)
            answer.step = Step.HTTP
            _get(link, answer, deadline)
    except OSError as error:
        answer.result = result_of(error)
        answer.error = _words(error, deadline)
    return answer


# --- the DNS

#: An address as `socket.connect` takes it.
Place = tuple[socket.AddressFamily, Any]

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")


def wire_name(domain: str) -> str:
    """The name as the DNS has it (RFC 1123 §2.1; IDNA for letters beyond ASCII); empty where it cannot be one."""
    try:
        name = domain.strip().strip(".").lower().encode("idna").decode("ascii")
    except UnicodeError:
        return ""
    return name if len(name) <= 253 and all(map(_LABEL.fullmatch, name.split("."))) else ""


def _places(name: str, port: int, deadline: Deadline) -> list[Place]:
    """The name's addresses in the order in which the system would try them.

    Nothing interrupts the system's resolver, so a thread asks it and is left behind when the time is over; the
    resolver gives up by itself.
    """
    if not name:
        raise socket.gaierror(socket.EAI_NONAME, "not a name that the DNS can have")
    said: SimpleQueue[list[Place] | OSError] = SimpleQueue()

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
            said.put([(family, place) for family, _, _, _, place in found[:MAX_ADDRESSES]])
        except OSError as error:
            said.put(error)

    threading.Thread(target=look_up, name="probe-name", daemon=True).start()
    try:
        found = said.get(timeout=deadline.left())
    except Empty:
        raise TimeoutError from None
    if isinstance(found, OSError):
        raise found
    return found


def _address(place: Any) -> str:
    """Without the scope that a link-local address has."""
    return str(place[0]).partition("%")[0]


# --- TCP, TLS, HTTP


def connected(
    places: list[Place], answer: Answer, deadline: Deadline, trust: ssl.SSLContext | None = None
) -> tuple[socket.socket, Place]:
    """A connection to the first address that takes one, and which; each may use its share of the time. With somebody to
    trust it is ready for a handshake.

    Where none does, what the first said is raised: those behind it are tried without much hope, often over IPv6 from
    where there is none.
    """
    faults: list[tuple[str, OSError]] = []
    for at, (family, place) in enumerate(places):
        answer.ip = _address(place)
        link = _socket(family, answer.name, trust)
        try:
            link.settimeout(deadline.left() / (len(places) - at))
            link.connect(place)
        except OSError as error:
            link.close()
            faults.append((answer.ip, error))
        else:
            return link, (family, place)
    answer.ip, fault = faults[0]
    raise fault


def _socket(family: int, name: str, trust: ssl.SSLContext | None) -> socket.socket:
    link = socket.socket(family, socket.SOCK_STREAM)
    # Wrapped before it is connected: to wrap one that the peer has reset meanwhile leaves it open (Python 3.11).
    return trust.wrap_socket(link, server_hostname=name, do_handshake_on_connect=False) if trust else link


def _shake_hands(link: ssl.SSLSocket, place: Place, answer: Answer, deadline: Deadline) -> None:
    link.settimeout(deadline.left())
    try:
        link.do_handshake()
    except ssl.SSLCertVerificationError:
        with suppress(OSError):
            answer.certificate = _shown(place, answer.name, deadline)
        raise
    answer.tls_version = (link.version() or "").removeprefix("TLSv")
    answer.certificate = link.getpeercert(binary_form=True) or b""


def _shown(place: Place, name: str, deadline: Deadline) -> bytes:
    """The certificate that a server shows, asked for again: of one that is not accepted Python tells nothing."""
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    family, address = place
    with anybody.wrap_socket(socket.socket(family, socket.SOCK_STREAM), server_hostname=name) as link:
        link.settimeout(deadline.left())
        link.connect(address)
        return link.getpeercert(binary_form=True) or b""


_STATUS = re.compile(rb"HTTP/(\d(?:\.\d)?) (\d{3})\b")


def _get(link: socket.socket, answer: Answer, deadline: Deadline) -> None:
    """`GET /` and the answer's status line (RFC 9112 §4)."""
    lines = (
        "GET / HTTP/1.1",
        f"Host: {answer.authority}",
        f"User-Agent: vonggac/{__version__} (probe)",
        "Accept: */*",
        "Connection: close",
    )
    link.settimeout(deadline.left())
    link.sendall("\r\n".join((*lines, "", "")).encode("ascii"))
    found = _STATUS.match(_first_line(link, deadline))
    if found is None:
        answer.result, answer.error = Result.NOT_HTTP, "the answer does not begin with an HTTP status line"
        return
    answer.http_version, answer.status = found[1].decode("ascii"), int(found[2])
    if answer.status >= 500:
        answer.result, answer.error = Result.SERVER_ERROR, f"HTTP status {answer.status}"


def _first_line(link: socket.socket, deadline: Deadline) -> bytes:
    """What comes up to the end of the first line, but MAX_READ bytes at most; what came where the server ends before.
    Raises ConnectionResetError where nothing came."""
    held, more = bytearray(), b""
    while b"\n" not in more and len(held) < MAX_READ:
        link.settimeout(deadline.left())
        more = link.recv(MAX_READ - len(held))
        if not more:
            break
        held += more
    if not held:
        raise ConnectionResetError(ECONNRESET, "closed without an answer")
    return bytes(held)


def _words(error: OSError, deadline: Deadline) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {deadline.seconds:g} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return error.strerror or str(error)
