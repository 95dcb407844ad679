from __future__ import annotations

from sensors.decode.tftp import decode_request
from tests.unit.sensors.hostile import only_undecodable_escapes
from tests.unit.sensors.wire import of, sense, udp

READ = b"\0\1boot/pxelinux.0\0octet\0tsize\0000\0blksize\0001408\0"
WRITE = b"\0\2running-config\0NETASCII\0"


def test_a_request_tells_the_file_and_the_direction():
    read, write = of(sense([udp(READ, dport=69), udp(WRITE, sport=40009, dport=6969)]), "tftp")
    assert read["vonggac"]["tftp"] == {
        "packet": "read", "file": "boot/pxelinux.0", "mode": "octet", "options": ["tsize=0", "blksize=1408"],
    }  # fmt: skip
    assert read["file"]["name"] == "pxelinux.0"
    assert (write["vonggac"]["tftp"]["packet"], write["vonggac"]["tftp"]["mode"]) == ("write", "netascii")
    assert write["event"]["action"] == "write"


def test_other_packets_are_no_requests():
    for data in (b"\0\3\0\1" + bytes(512), b"\0\1\0octet\0", b"\0\1a\0binary\0", b"\0\1a", b""):
        assert decode_request(data) is None
    assert not of(sense([udp(b"\0\3\0\1abc", dport=69)]), "tftp")


def test_nothing_escapes():
    only_undecodable_escapes(decode_request, READ, WRITE)
