"""Lines of SMTP (RFC 5321) and of its log-in (RFC 4954): what a command says."""

from __future__ import annotations

import re

from sensors.decode.lines import base64_text, printable
from sensors.decode.mail import MAX_ADDRESS

#: The longest chunk that a BDAT may announce (RFC 3030 sets none; servers take less than this).
MAX_CHUNK = 1 << 32

_COMMAND = re.compile(rb"([A-Za-z][A-Za-z0-9-]{2,15})(?:[ \t]+(.*))?", re.S)
_PATH = re.compile(rb"(?:FROM|TO)\s*:\s*(?:<([^>]*)>|(\S+))", re.I)
_BDAT = re.compile(rb"(\d{1,10})(\s+LAST)?\s*", re.I)


#: Commands; other lines during a log-in are its responses.
VERBS = frozenset(
    {
        "EHLO", "HELO", "LHLO", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "NOOP", "QUIT", "VRFY", "EXPN", "HELP", "AUTH",
        "STARTTLS", "ETRN", "TURN",
    }
)  # fmt: skip


def decode_command(line: bytes) -> tuple[str, bytes]:
    """The verb of a line in upper case and its argument; empty where the line is no command."""
    match = _COMMAND.fullmatch(line.strip())
    return (match[1].decode("ascii").upper(), (match[2] or b"").strip()) if match else ("", b"")


def decode_path(argument: bytes) -> str | None:
    """The mailbox of `FROM:<…>` or `TO:<…>`, without the source route (§4.1.1.3); empty for the null path."""
    match = _PATH.match(argument)
    if match is None:
        return None
    path = match[1] if match[1] is not None else match[2]
    return printable(path.rpartition(b":")[2] if path.startswith(b"@") else path, MAX_ADDRESS)


def decode_bdat(argument: bytes) -> tuple[int, bool] | None:
    """The size of a chunk, and whether it is the last (RFC 3030 §2)."""
    match = _BDAT.fullmatch(argument)
    if match is None or int(match[1]) > MAX_CHUNK:
        return None
    return int(match[1]), match[2] is not None


def auth_user(mechanism: str, turn: int, response: bytes) -> str | None:
    """The user that a client's response number `turn` (from 0) names; never the secret. `response` is base64."""
    data = base64_text(response)
    if not data or turn:
        return None
    if mechanism == "PLAIN":  # authzid NUL authcid NUL passwd, RFC 4616 §2
        parts = data.split(b"\0")
        return printable(parts[1] or parts[0]) if len(parts) == 3 else None
    if mechanism == "LOGIN":
        return printable(data)
    if mechanism.startswith("CRAM-"):  # user SP digest, RFC 2195 §2
        return printable(data.rpartition(b" ")[0]) or None
    if mechanism in ("XOAUTH2", "OAUTHBEARER"):
        match = re.search(rb"(?:user=|[ny],a=)([^\x01,]{1,256})", data)
        return printable(match[1]) if match else None
    if mechanism.startswith("SCRAM-"):  # n,,n=user,r=nonce, RFC 5802 §7
        match = re.search(rb"(?:^|,)n=([^,]{1,256})", data)
        return printable(match[1]) if match else None
    return None
