"""A session with one peer that cannot hang, wander or be drowned.

taxii2-client sets no timeout and follows redirects, so it is given this: both bounded, a cap on every answer, no
redirects, one origin.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

TIMEOUTS = (10.0, 30.0)  # connect, read; seconds
MAX_ANSWER = 64 * 1024 * 1024


def in_clear(url: str) -> bool:
    """Whether others could read what is sent there: plain HTTP that leaves this machine."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "::1", "localhost")


class PeerSession(requests.Session):
    """A session for one origin: bounded in time and size, no redirects, no proxies or netrc of the environment."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.trust_env = False
        self.date_added_last: str | None = None
        self._origin = urlsplit(url)[:2]
        self.mount("http://", HTTPAdapter(max_retries=1))
        self.mount("https://", HTTPAdapter(max_retries=1))

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        address = url.decode() if isinstance(url, bytes) else url
        if urlsplit(address)[:2] != self._origin:
            raise requests.exceptions.InvalidURL(f"{address} is not of the feed's origin")
        kwargs |= {"timeout": TIMEOUTS, "allow_redirects": False, "stream": True}
        response = super().request(method, url, *args, **kwargs)
        if response.is_redirect:
            response.close()
            raise requests.exceptions.TooManyRedirects("the server redirects, which is not followed")
        response._content = _bounded(response)
        self.date_added_last = response.headers.get("X-TAXII-Date-Added-Last")
        return response


def _bounded(response: requests.Response) -> bytes:
    chunks, size = [], 0
    for chunk in response.iter_content(65_536):
        size += len(chunk)
        if size > MAX_ANSWER:
            response.close()
            raise requests.exceptions.ContentDecodingError(f"the answer is larger than {MAX_ANSWER} bytes")
        chunks.append(chunk)
    return b"".join(chunks)
