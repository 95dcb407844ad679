from __future__ import annotations

import struct

from tests.unit.sensors.decode.test_ssh import kexinit
from tests.unit.sensors.wire import of, sense, tcp

NEWKEYS = struct.pack("!IB", 12, 10) + b"\x15" + bytes(10)


def test_a_connection_tells_both_sides():
    turns = [
        (1, b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"),
        (0, b"SSH-2.0-libssh_0.9\r\n"),
        (0, kexinit()),
        (1, kexinit()),
        (0, NEWKEYS),
        (1, NEWKEYS + b"\x99" * 100),
        (0, b"\x88" * 500),
    ]
    events = sense(tcp(turns, dport=2222, size=77))
    (event,) = of(events, "ssh")
    assert event["ssh"]["client"]["version"] == "SSH-2.0-libssh_0.9"
    assert event["ssh"]["server"]["version"] == "SSH-2.0-OpenSSH_9.2p1 Debian-2"
    assert event["ssh"]["client"]["hassh"] != event["ssh"]["server"]["hassh"]
    assert event["vonggac"]["ssh"] == {
        "encrypted": True, "kex_alg": "curve25519-sha256", "host_key_alg": "ssh-ed25519", "cipher_alg": "aes1-c",
        "mac_alg": "mac-c", "compression_alg": "none",
    }  # fmt: skip
    assert of(events, "flow")[0]["network"]["protocol"] == "ssh"
    assert not of(events, "anomaly")


def test_banners_alone_are_told_at_the_end():
    (event,) = of(sense(tcp([(1, b"SSH-2.0-a\r\n"), (0, b"SSH-2.0-b\r\n")])), "ssh")
    assert event["vonggac"]["ssh"]["encrypted"] is False
    assert "hassh" not in event["ssh"]["client"]
