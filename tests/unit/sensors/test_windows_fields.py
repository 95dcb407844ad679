"""docs/ecs-fields.md names every field of SMB, DCERPC, NTLM, Kerberos, LDAP and RDP events."""

from __future__ import annotations

import re
import struct

from sensors.decode import dcerpc, ldap, smb1, smb2
from tests.unit.sensors import windows_wire as w
from tests.unit.sensors.decode.test_kerberos import AS_REQ, error, reply, tgs_request
from tests.unit.sensors.decode.test_ldap import SEARCH, bind, entry, message, result
from tests.unit.sensors.decode.test_netbios import encoded
from tests.unit.sensors.decode.test_smb1 import SETUP
from tests.unit.sensors.talks import test_dcerpc, test_ldap, test_rdp, test_smb
from tests.unit.sensors.talks.test_smb import CLOSED, LOGIN, MOUNT, ask, opened, tell
from tests.unit.sensors.test_ecs_fields import PAGE, paths
from tests.unit.sensors.windows_wire import der
from tests.unit.sensors.wire import sense, tcp, udp


def smb_turns() -> list[tuple[int, bytes]]:
    rename = bytes(16) + struct.pack("<I", 2) + w.wide("b")
    turns = [(0, w.nbt(encoded("A") + encoded("B"), 0x81)), (1, w.nbt(b"", 0x82)), *LOGIN, *MOUNT, *opened("a", 3)]
    turns += [ask(smb2.READ, w.read_request(0, 3), 5), tell(smb2.READ, w.read_response(b"abc"), 5)]
    turns += [ask(smb2.SET_INFO, w.set_info_request(10, rename), 6), tell(smb2.SET_INFO, b"\2\0", 6)]
    turns += [ask(smb2.QUERY_INFO, struct.pack("<HBB", 41, 1, 5) + bytes(20) + w.FILE, 7)]
    find = struct.pack("<HBBI16sHHI", 33, 1, 0, 0, w.FILE, 96, 2, 0) + w.wide("*")
    turns += [ask(smb2.QUERY_DIRECTORY, find, 8), *CLOSED]
    turns += [*opened("d", options=1, number=91), ask(smb2.CREATE, b"", 92)]
    turns += [ask(smb2.IOCTL, w.ioctl_request(smb2.PIPE_TRANSCEIVE, w.rpc(dcerpc.BIND, w.bind()), bytes(16)), 9)]
    broken = w.rpc(dcerpc.BIND, w.bind())[:24] + b"\x09" + bytes(47)
    turns += [ask(smb2.IOCTL, w.ioctl_request(smb2.PIPE_TRANSCEIVE, broken, b"\1" * 16), 10)]
    turns += [ask(smb2.SESSION_SETUP, w.setup_request(w.NTLM_AUTHENTICATE[:90]), 11)]
    turns += [tell(smb2.SESSION_SETUP, w.setup_response(flags=7), 11)]
    sealed = b"\xfdSMB" + bytes(40) + (7).to_bytes(8, "little")
    return [*turns, (0, w.nbt(sealed)), (1, w.nbt(b"\xfcSMB" + bytes(60)))]


def smb1_turns() -> list[tuple[int, bytes]]:
    andx = b"\xff\0\0\0"
    texts = b"".join(w.wide(text) + b"\0\0" for text in ("an", "BTC", "Windows 5.1", "NT LAN"))
    native = b"\0" + w.wide("Windows") + b"\0\0" + w.wide("NT LAN Manager") + b"\0\0"
    turns = [
        (0, w.smb1(smb1.SESSION_SETUP, SETUP, b"P" * 48 + b"\0" + texts, 2)),
        (1, w.smb1(smb1.SESSION_SETUP, andx + b"\0\0", native, 2, status=0)),
        (0, w.smb1(smb1.TREE_CONNECT_ANDX, andx + b"\0\0\1\0", b"\0" + w.wide("\\\\S\\IPC$") + b"\0\0?????\0", 3)),
        (1, w.smb1(smb1.TREE_CONNECT_ANDX, andx + b"\0\0", b"IPC\0", 3, status=0)),
        (0, w.smb1(smb1.TRANS2, bytes(26) + b"\1\0\5\0", b"", 4)),
    ]
    return [(side, w.nbt(data)) for side, data in turns]


def ldap_turns() -> list[tuple[int, bytes]]:
    change = der(0x30, der(10, b"\2"), der(0x30, der(4, b"member"), der(0x31)))
    rename = der(ldap.RENAME, der(4, b"cn=x"), der(4, b"cn=y"), der(1, b"\xff"), der(0x80, b"dc=z"))
    refused = message(7, der(ldap.SEARCH_DONE, der(10, b"\x20"), der(4, b"dc=x"), der(4, b"why")))
    limited = SEARCH.replace(b"\2\1\0", b"\2\1\5", 1)
    reference = message(7, der(ldap.REFERENCE, der(4, b"x")))
    return [
        (0, bind(1)), (1, result(1, ldap.BIND_RESPONSE)), (0, limited), (1, entry(7) + reference + refused),
        (0, message(2, der(ldap.MODIFY, der(4, b"cn=x"), der(0x30, change)))), (0, message(3, rename)),
        (0, message(4, der(ldap.COMPARE, der(4, b"cn=y"), der(0x30, der(4, b"sn"), der(4, b"v"))))),
        (0, message(5, der(ldap.ABANDON, b"\5"))), (0, message(6, der(ldap.EXTENDED, der(0x80, b"1.2.3")))),
        (0, message(8, der(ldap.SEARCH))), *test_ldap.LOGIN, (0, test_ldap.wrapped(b"\x99" * 60, test_ldap.SIGNATURE)),
    ]  # fmt: skip


def frames() -> list[object]:
    fault = 1, w.rpc(dcerpc.FAULT, struct.pack("<IHBBI", 0, 0, 0, 0, 5) + bytes(4), 3)
    secured = test_dcerpc.request(57, 2, auth=w.trailer(bytes(16)))
    auth3 = 0, w.rpc(dcerpc.AUTH3, bytes(4), auth=w.trailer(w.NTLM_AUTHENTICATE))
    calls = [*test_dcerpc.BIND, auth3, secured, test_dcerpc.response(2), test_dcerpc.request(1, 3), fault]
    settings = [(0, test_rdp.request()), (1, test_rdp.confirm(2, 0)), (0, test_rdp.CLIENT), (1, test_rdp.server())]
    found = [frame for number, turns in enumerate((smb_turns(), smb1_turns(), ldap_turns(), calls, settings))
             for frame in tcp(turns, sport=41000 + number)]  # fmt: skip
    found += [udp(AS_REQ, dport=88), udp(reply(), dport=88, back=True)]
    return [*found, udp(tgs_request("cifs", "a.vn"), dport=88), udp(error(7, "cifs", "a.vn"), dport=88, back=True)]


def test_every_field_written_stands_on_the_page():
    known = set(re.findall(r"`([@a-z][\w.@]*)`", PAGE.read_text("utf-8")))
    events = sense(frames())
    written = {path for event in events for path in paths(event)}
    assert {event["event"]["dataset"] for event in events} >= {
        "smb", "dcerpc", "ntlm", "kerberos", "ldap", "rdp", "file", "flow",
    }  # fmt: skip
    assert sorted(written - known) == []
    carried = [path for path in written if path.startswith("vonggac.smb.")]
    assert {"vonggac.smb.encrypted", "vonggac.smb.compressed", "vonggac.smb.dcerpc.malformed"} <= set(carried)


def test_files_over_smb_point_to_their_flow():
    events = sense(tcp([*opened("a", 3), *[
        ask(smb2.READ, w.read_request(0, 3), 5), tell(smb2.READ, w.read_response(b"abc"), 5)], *CLOSED]))  # fmt: skip
    (file,) = test_smb.of(events, "file")
    (flow,) = test_smb.of(events, "flow")
    assert file["flow"]["id"] == flow["event"]["id"]
