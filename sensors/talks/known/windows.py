"""Protocols of Windows networks: SMB, DCERPC, Kerberos, LDAP, RDP. The first octet says which of them it may be."""

from __future__ import annotations

import re

from sensors.decode import kerberos, ldap
from sensors.talks.known import MORE, NOTHING, Verdict

_SMB = re.compile(rb"\0[\0-\xff]{3}(?:\xffSMB|\xfeSMB\x40\0|\xfdSMB|\xfcSMB)")
_NETBIOS = re.compile(rb"\x81\0\0\x44\x20[A-P]{32}\0\x20[A-P]{32}\0|\x82\0\0\0\0[\0-\xff]{3}[\xfe\xff]SMB")
#: A connection request or confirmation of X.224 in TPKT (MS-RDPBCGR §2.2.1.1, .2): what follows its seven octets is
#: nothing, a cookie, a routing token or a negotiation; S7comm and MMS have parameters there.
_RDP = re.compile(
    rb"\x03\0[\0-\xff]{2}(?:\x06[\xe0\xd0]\0\0[\0-\xff]{2}\0\Z|"
    rb"[\x07-\xfe]\xe0\0\0[\0-\xff]{2}\0(?:Cookie|tsp|\x01[\0-\xff]\x08\0)|"
    rb"[\x07-\xfe]\xd0[\0-\xff]{4}\0[\x02\x03][\0-\xff]\x08\0)"
)
#: The least of a DCERPC request, and of a PDU without connection.
_RPC_CALL = 24
_RPC_DATAGRAM = 80
#: Bytes after which each question can be answered.
_ENOUGH = 32


def stream(data: bytes, side: int) -> Verdict:
    first = data[0]
    if first == 0:
        return _framed(data)
    if first in (0x81, 0x82):
        if _NETBIOS.match(data):
            return _smb()
        return MORE if len(data) < 72 and (data[:5] == b"\x81\0\0\x44\x20" or data == b"\x82\0\0\0") else NOTHING
    if first == 5:
        return _dcerpc(data)
    if first == 3:
        if _RDP.match(data):
            from sensors.talks.rdp import RdpTalk

            return Verdict(RdpTalk)
        return MORE if len(data) < 15 and data[1:2] in (b"", b"\0") else NOTHING
    if first == 0x30:
        if ldap.BEGINNING.match(data):
            from sensors.talks.ldap import LdapTalk

            return Verdict(lambda: LdapTalk(stream=True))
        return MORE if len(data) < _ENOUGH else NOTHING
    return NOTHING


def _framed(data: bytes) -> Verdict:
    """Behind four octets of length: SMB, or Kerberos over TCP (RFC 4120 §7.2.2)."""
    if _SMB.match(data):
        return _smb()
    if len(data) > 4 and data[4] in (0x6A, 0x6B, 0x6C, 0x6D, 0x7E):
        if kerberos.BEGINNING.match(data, 4):
            return _kerberos(stream=True)
        return MORE if len(data) < _ENOUGH else NOTHING
    return MORE if len(data) < 10 and (len(data) <= 4 or b"SMB".startswith(data[5:8])) else NOTHING


def _smb() -> Verdict:
    from sensors.talks.smb import SmbTalk

    return Verdict(SmbTalk)


def _kerberos(*, stream: bool) -> Verdict:
    from sensors.talks.kerberos import KerberosTalk

    return Verdict(lambda: KerberosTalk(stream=stream))


def _dcerpc(data: bytes) -> Verdict:
    from sensors.decode.dcerpc import BEGINNING

    if len(data) < 16:
        return MORE if data[1:2] in (b"", b"\0") else NOTHING
    size = int.from_bytes(data[8:10], "little" if data[4] else "big")
    if BEGINNING.match(data) is None or size < _RPC_CALL:
        return NOTHING
    from sensors.talks.dcerpc import DcerpcTalk

    return Verdict(DcerpcTalk)


def datagram(data: bytes, sport: int, dport: int) -> Verdict:
    if kerberos.BEGINNING.match(data):
        return _kerberos(stream=False)
    if data[:1] == b"\x30" and ldap.BEGINNING.match(data):
        from sensors.talks.ldap import LdapTalk

        return Verdict(lambda: LdapTalk(stream=False))
    if data[:1] == b"\4" and len(data) >= _RPC_DATAGRAM:
        from sensors.decode.dcerpc import is_datagram
        from sensors.talks.dcerpc_datagrams import DcerpcDatagrams

        if is_datagram(data):
            return Verdict(DcerpcDatagrams)
    return NOTHING
