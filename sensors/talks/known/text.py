"""Protocols of lines and of small machines: mail, FTP, IRC, Telnet, RFB, MQTT, Modbus, SIP; and names of some more."""

from __future__ import annotations

import re

from sensors.talks.known import MORE, NOTHING, Verdict
from sensors.talks.talk import Talk


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


def _irc() -> Talk:
    from sensors.talks.irc import IrcTalk

    return IrcTalk()


def _telnet() -> Talk:
    from sensors.talks.telnet import TelnetTalk

    return TelnetTalk()


def _rfb() -> Talk:
    from sensors.talks.rfb import RfbTalk

    return RfbTalk()


def _mqtt() -> Talk:
    from sensors.talks.mqtt import MqttTalk

    return MqttTalk()


def _modbus() -> Talk:
    from sensors.talks.modbus import ModbusTalk

    return ModbusTalk()


def _sip_stream() -> Talk:
    from sensors.talks.sip import SipTalk

    return SipTalk(stream=True)


def _sip_datagram() -> Talk:
    from sensors.talks.sip import SipTalk

    return SipTalk(stream=False)


_SIP = re.compile(rb"[A-Z][A-Z-]{1,31} [^ \r\n]{1,4096} SIP/\d\.\d\r?\n|SIP/\d\.\d [1-6]\d\d[ \r\n]")
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: What the first bytes of one side look like, and what they begin; the first that fits counts. In front of each stands
#: what it can begin with.
PATTERNS: tuple[tuple[bytes, re.Pattern[bytes], Verdict], ...] = (
    (
        b"245",
        re.compile(rb"(?:220|554|421)[ -](?![^\r\n]*FTP)[^\r\n]*(?:SMTP|LMTP|Postfix|Exim|Sendmail)", re.I),
        Verdict(_smtp),
    ),
    (
        b"EHLMehlm",
        re.compile(rb"(?:EHLO|HELO|LHLO)[ \t]+[^\r\n]+\r?\n|MAIL FROM:[^\r\n]*\r?\n", re.I),
        Verdict(_smtp),
    ),
    (
        b"124",
        re.compile(rb"(?:220|120|421)[ -](?![^\r\n]*SMTP)[^\r\n]*(?:FTP|FileZilla)", re.I),
        Verdict(_ftp),
    ),
    (b"12", re.compile(rb"(?:220|120)(?:[ -]|$)"), MORE),  # mail or FTP: the client's first command will tell
    (
        b"NCP",
        re.compile(rb"NICK [^\s:]{1,64}\r?\n|CAP LS|PASS [^\r\n]+\r?\n(?:NICK|USER) "),
        Verdict(_irc),
    ),
    (b"U:", re.compile(rb"USER \S+ \S+ \S+ :|:\S{1,255} (?:NOTICE|\d{3}) "), Verdict(_irc)),
    (
        b"UAPESuapes",
        re.compile(rb"(?:USER [^\r\n]+|AUTH (?:TLS|SSL|GSSAPI)|PASV|EPSV|SYST|PORT [\d,]{11,23})\r?\n", re.I),
        Verdict(_ftp),
    ),
    (b"+CSA", re.compile(rb"\+OK [^\r\n]{2}|(?:CAPA|STLS|APOP [^\r\n]+)\r?\n"), Verdict(_pop3)),
    (b"*", re.compile(rb"\* (?:OK|PREAUTH|BYE)[ \[]"), Verdict(_imap)),
    (
        _LETTERS + b"0123456789.",
        re.compile(
            rb"[A-Za-z0-9.]{1,20} (?:CAPABILITY|STARTTLS|LOGOUT|(?:LOGIN|AUTHENTICATE|ID|ENABLE|SELECT) [^\r\n]+)\r\n",
            re.I,
        ),
        Verdict(_imap),
    ),
    (b"R", re.compile(rb"RFB \d{3}\.\d{3}\n"), Verdict(_rfb)),
    (b"R", re.compile(rb"R(?:F(?:B(?: [\d.]{0,7})?)?)?$"), MORE),
    (_LETTERS.upper(), _SIP, Verdict(_sip_stream)),
    (b"*", re.compile(rb"\*[1-9]\d{0,4}\r\n\$\d{1,9}\r\n"), Verdict(label="redis")),
    (
        b"sarpc",
        re.compile(rb"(?:set|add|replace|append|prepend|cas) \S{1,250} \d+ -?\d+ \d+[^\r\n]{0,40}\r\n"),
        Verdict(label="memcached"),
    ),
    (
        _LETTERS.upper() + b"_",
        re.compile(rb"[A-Z_]{4,16} rtsp://[^\r\n ]{1,4096} RTSP/1\.0\r\n|RTSP/1\.0 \d{3} "),
        Verdict(label="rtsp"),
    ),
    (
        b"EHLMUNPACSehlmunpacs",
        re.compile(rb"(?:EHLO|HELO|LHLO|MAIL|USER|NICK|PASS|AUTH|CAPA|STLS|APOP|PORT|SYST|PASV|EPSV).{0,512}$", re.I),
        MORE,
    ),
    (b"<", re.compile(rb"(?:<\?xml[^>]{0,100}\?>\s*)?<stream:stream\s"), Verdict(label="xmpp")),
    (b"\xff", re.compile(rb"\xff[\xfb-\xfe][\x00-\x31\xff]|\xff\xfa[\x00-\x31]"), Verdict(_telnet)),
    (b"\xff", re.compile(rb"\xff[\xfa-\xfe]?$"), MORE),
    (b"\x13", re.compile(rb"\x13BitTorrent protocol"), Verdict(label="bittorrent")),
    (
        b"\x00",
        re.compile(rb"\x00\x00..\x00\x03\x00\x00user\x00|\x00\x00\x00\x08\x04\xd2\x16\x2f", re.S),
        Verdict(label="postgresql"),
    ),
    (b"\x04", re.compile(rb"\x04[\x01\x02]..[^\x00]...[\x20-\x7e]{0,64}\x00$", re.S), Verdict(label="socks4")),
)
#: The same by first byte.
_BY_FIRST = tuple(
    tuple((pattern, verdict) for firsts, pattern, verdict in PATTERNS if first in firsts) for first in range(256)
)
_DATAGRAMS: tuple[tuple[re.Pattern[bytes], Verdict], ...] = (
    (_SIP, Verdict(_sip_datagram)),
    (re.compile(rb"d1:[ar]d2:id20:"), Verdict(label="bittorrent")),  # BEP 5
    (re.compile(rb"(?:M-SEARCH|NOTIFY) \* HTTP/1\.1\r\n"), Verdict(label="ssdp")),
    (re.compile(rb"..\x00\x00\x00\x01\x00\x00(?:stats|gets?|set|add|version)[ \r]", re.S), Verdict(label="memcached")),
)
_MYSQL = re.compile(rb"..\x00\x00\x0a\d[\x20-\x7e]{2,60}\x00", re.S)
_METHODS = frozenset((0, 1, 2, 3, 5, 6, 7, 8, 9))  # of SOCKS 5, RFC 1928 §3


def stream(data: bytes, side: int) -> Verdict:
    for pattern, verdict in _BY_FIRST[data[0]]:
        if pattern.match(data):
            return verdict
    return _binary(data, side)


def datagram(data: bytes, sport: int, dport: int) -> Verdict:
    for pattern, verdict in _DATAGRAMS:
        if pattern.match(data):
            return verdict
    return NOTHING


def _binary(data: bytes, side: int) -> Verdict:
    """What takes a look at numbers and lengths."""
    if data[0] == 0x10:
        from sensors.decode.mqtt import begins_connect

        if begins_connect(data):
            return Verdict(_mqtt)
        return MORE if len(data) < 12 else NOTHING
    if data[2:4] == b"\0\0" and len(data) >= 6 and 2 <= data[4] << 8 | data[5] <= 254:
        from sensors.decode.modbus import begins_modbus

        known = begins_modbus(data)
        if known is None:
            return MORE
        if known:
            return Verdict(_modbus)
    if data[2:5] == b"\0\0\x0a" and _MYSQL.match(data):
        return Verdict(label="mysql")
    if side == 0 and data[0] == 5 and len(data) > 2 and len(data) == 2 + data[1] and _METHODS.issuperset(data[2:]):
        return Verdict(label="socks5")
    return NOTHING
