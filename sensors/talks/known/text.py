"""Protocols of lines and of small machines: mail, FTP, RFB."""

from __future__ import annotations

import re

from sensors.talks.known import MORE, NOTHING, Verdict
from sensors.talks.talk import Talk

_SMTP_BANNER = re.compile(rb"(?:220|554|421)[ -][^\r\n]*(?:SMTP|LMTP|Mail|MAIL|mail|Postfix|Exim)")
_FTP_BANNER = re.compile(rb"(?:220|120|421)[ -][^\r\n]*(?:FTP|ftp|Ftp)|220[ -][^\r\n]*FileZilla")
_SMTP_COMMAND = re.compile(rb"(?:EHLO|HELO|LHLO)[ \t]+[^\r\n]+\r?\n|MAIL FROM:[^\r\n]*\r?\n", re.I)
_FTP_COMMAND = re.compile(rb"(?:USER [^\r\n]+|AUTH (?:TLS|SSL|GSSAPI)|PASV|EPSV|PORT [\d,]{11,23}|SYST)\r?\n", re.I)
_POP3 = re.compile(rb"\+OK [^\r\n]{2}|(?:CAPA|STLS|APOP [^\r\n]+)\r?\n")
_IMAP = re.compile(
    rb"\* (?:OK|PREAUTH|BYE)[ \[]"
    rb"|[A-Za-z0-9.]{1,20} (?:(?:CAPABILITY|STARTTLS|LOGOUT)|(?:LOGIN|AUTHENTICATE|ID|ENABLE|SELECT) [^\r\n]+)\r\n",
    re.I,
)

_LABELS: tuple[tuple[re.Pattern[bytes], str], ...] = ((re.compile(rb"RFB 00\d\.00\d\n"), "rfb"),)


def stream(data: bytes, side: int) -> Verdict:
    if _SMTP_COMMAND.match(data) or _SMTP_BANNER.match(data):
        return Verdict(_smtp)
    if _FTP_BANNER.match(data) or _FTP_COMMAND.match(data):
        return Verdict(_ftp)
    if _POP3.match(data):
        return Verdict(_pop3)
    if _IMAP.match(data):
        return Verdict(_imap)
    if data[:3] in (b"220", b"120") and (len(data) == 3 or data[3:4] in b" -"):
        return MORE  # of mail or FTP; the client's first command will tell
    for pattern, label in _LABELS:
        if pattern.match(data):
            return Verdict(label=label)
    return NOTHING


def datagram(data: bytes, sport: int, dport: int) -> Verdict:
    return NOTHING


def _smtp() -> Talk:
    from sensors.talks.smtp import SmtpTalk

    return SmtpTalk()


def _ftp() -> Talk:
    from sensors.talks.ftp import FtpTalk

    return FtpTalk()


def _pop3() -> Talk:
    from sensors.talks.pop3 import Pop3Talk

    return Pop3Talk()


def _imap() -> Talk:
    from sensors.talks.imap import ImapTalk

    return ImapTalk()
