"""A national reporting system on a real socket of this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer


@dataclass
class Office:
    """Answers with these statuses in turn, the last one for ever."""

    statuses: Sequence[int] = (201,)
    url: str = ""
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def ids(self) -> list[str]:
        return [json.loads(content)["id"] for _, content in self.came]


@contextmanager
def open_office() -> Iterator[Office]:
    """An office that takes tables until it is left."""
    made = Office()

    class Desk(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            status = made.statuses[min(len(made.came), len(made.statuses) - 1)]
            made.came.append((dict(self.headers), content))
            answer = json.dumps({"id": f"BC-{len(made.came)}"}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            if status == 307:
                self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Desk) as server:
        made.url = f"http://127.0.0.1:{server.server_port}/bao-cao"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield made
        server.shutdown()
        thread.join()
