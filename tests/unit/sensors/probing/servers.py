"""Servers on this machine that answer in one way each, and certificates for them."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from struct import pack

from sensors.probing.answer import Door

#: What a server does with a connection; the event is set when the server is to end.
Deed = Callable[[socket.socket, threading.Event], None]
LONGEST = 30.0  # no test needs so many seconds


def says(answer: bytes) -> Deed:
    """Reads the request's head and answers."""

    def deed(link: socket.socket, _: threading.Event) -> None:
        held = b""
        while b"\r\n\r\n" not in held:
            more = link.recv(4_096)
            if not more:
                return
            held += more
        link.sendall(answer)

    return deed


def status(code: int) -> Deed:
    return says(f"HTTP/1.1 {code} Whatever\r\nContent-Length: 0\r\nLocation: http://192.0.2.1/\r\n\r\n".encode())


def hangs_up(_: socket.socket, __: threading.Event) -> None:
    """Says nothing."""


def resets(link: socket.socket, _: threading.Event) -> None:
    """Says nothing, and not even that it goes."""
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))


def never_answers(_: socket.socket, ending: threading.Event) -> None:
    ending.wait(LONGEST)


def drips(link: socket.socket, ending: threading.Event) -> None:
    """One byte after another, without an end."""
    while not ending.wait(0.02):
        link.sendall(b"H")


def floods(link: socket.socket, ending: threading.Event) -> None:
    """Fast and without an end, and never a line's."""
    while not ending.is_set():
        link.sendall(b"A" * 65_536)


@dataclass
class Serving:
    """Where a server listens, and how many connections it has taken."""

    port: int
    taken: int = 0

    @property
    def https(self) -> Door:
        return Door("https", self.port)

    @property
    def http(self) -> Door:
        return Door("http", self.port)


@contextmanager
def serving(deed: Deed, keys: Path | None = None) -> Iterator[Serving]:
    """A server at 127.0.0.1; with the path of a certificate and key (`.pem`, `.key`) it speaks TLS."""
    ending = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        served = Serving(listener.getsockname()[1])
        thread = threading.Thread(target=_serve, args=(listener, deed, _context(keys), served, ending))
        thread.start()
        try:
            yield served
        finally:
            ending.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(LONGEST)
    assert not thread.is_alive()


def _context(keys: Path | None) -> ssl.SSLContext | None:
    if keys is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys.with_suffix(".pem"), keys.with_suffix(".key"))
    return context


def _serve(
    listener: socket.socket, deed: Deed, context: ssl.SSLContext | None, served: Serving, ending: threading.Event
) -> None:
    threads = []
    with suppress(OSError):  # the listener ends so
        while True:
            link, _ = listener.accept()
            served.taken += 1
            threads.append(threading.Thread(target=_treat, args=(link, deed, context, ending)))
            threads[-1].start()
    for thread in threads:
        thread.join(LONGEST)


def _treat(link: socket.socket, deed: Deed, context: ssl.SSLContext | None, ending: threading.Event) -> None:
    link.settimeout(LONGEST)
    with link, suppress(OSError):  # the client may leave when it likes
        if context is None:
            deed(link, ending)
        else:
            with context.wrap_socket(link, server_side=True) as secured:
                deed(secured, ending)


@contextmanager
def nobody() -> Iterator[int]:
    """A port that is held and at which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
