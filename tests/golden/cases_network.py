"""Golden cases of the rules about flows, ICMP and DNS: for each rule file, what makes it fire and what must not."""

from __future__ import annotations

from tests.golden.make import FAR, INSIDE, OUTSIDE, RESOLVER, SERVER, Capture


def port_scan(capture: Capture) -> None:
    for number in range(40):
        capture.syn(number * 0.5, OUTSIDE, SERVER, 20 + number * 7, refused=number % 3 == 0)


def port_scan_quiet(capture: Capture) -> None:
    for number in range(24):  # one port short of a scan
        capture.syn(number * 0.5, OUTSIDE, SERVER, 8000 + number, refused=True)


def host_sweep(capture: Capture) -> None:
    for number in range(35):
        capture.syn(number * 1.0, INSIDE, f"10.1.9.{number + 1}", 5900, refused=number % 2 == 0)


def host_sweep_quiet(capture: Capture) -> None:
    for number in range(35):  # as many, but too slow for the window
        capture.syn(number * 20.0, INSIDE, f"10.1.9.{number + 1}", 5900)


def ping_sweep(capture: Capture) -> None:
    for number in range(32):
        capture.ping(number * 0.2, INSIDE, f"10.1.9.{number + 1}", sequence=number, answered=number % 5 == 0)


def ping_sweep_quiet(capture: Capture) -> None:
    for number in range(40):  # monitoring: few hosts, again and again
        capture.ping(number * 2.0, INSIDE, f"10.1.9.{number % 4 + 1}", sequence=number)


def _ssh(capture: Capture, at: float, src: str, parts: int) -> None:
    said = [(0, b"SSH-2.0-libssh_0.9.6\r\n"), (1, b"SSH-2.0-OpenSSH_9.2\r\n")]
    capture.tcp(at, src, SERVER, 22, said + [(number % 2, bytes(60)) for number in range(parts)])


def ssh_bruteforce(capture: Capture) -> None:
    for number in range(14):
        _ssh(capture, number * 6.0, OUTSIDE, 4)


def ssh_bruteforce_quiet(capture: Capture) -> None:
    for number in range(6):  # an administrator's morning
        _ssh(capture, number * 90.0, INSIDE, 12)


def _telnet(capture: Capture, at: float, src: str) -> None:
    capture.tcp(
        at, src, SERVER, 23, [(1, b"login: "), (0, b"root\r\n"), (1, b"Password: "), (0, b"1234\r\n"), (1, b"bad\r\n")]
    )


def telnet_bruteforce(capture: Capture) -> None:
    for number in range(10):
        _telnet(capture, number * 5.0, OUTSIDE)


def telnet_bruteforce_quiet(capture: Capture) -> None:
    for number in range(4):
        _telnet(capture, number * 30.0, INSIDE)


def _rdp(capture: Capture, at: float, src: str) -> None:
    asked = bytes.fromhex("030000130ee000000000000100080003000000")
    said = bytes.fromhex("030000130ed000001234000200080002000000")
    capture.tcp(at, src, SERVER, 3389, [(0, asked), (1, said), (0, bytes(80)), (1, bytes(60))])


def rdp_bruteforce(capture: Capture) -> None:
    for number in range(18):
        _rdp(capture, number * 4.0, OUTSIDE)


def rdp_bruteforce_quiet(capture: Capture) -> None:
    for number in range(18):  # inside the network this is a help desk
        _rdp(capture, number * 4.0, INSIDE)


def _ftp(capture: Capture, at: float, src: str) -> None:
    capture.tcp(
        at,
        src,
        SERVER,
        21,
        [
            (1, b"220 ready\r\n"),
            (0, b"USER admin\r\n"),
            (1, b"331 password\r\n"),
            (0, b"PASS x\r\n"),
            (1, b"530 no\r\n"),
        ],
    )


def ftp_bruteforce(capture: Capture) -> None:
    for number in range(18):
        _ftp(capture, number * 3.0, OUTSIDE)


def ftp_bruteforce_quiet(capture: Capture) -> None:
    for number in range(5):
        _ftp(capture, number * 30.0, OUTSIDE)


def syn_flood(capture: Capture) -> None:
    for number in range(220):
        capture.syn(number * 0.02, f"198.51.100.{number % 200 + 1}", SERVER, 443)


def syn_flood_quiet(capture: Capture) -> None:
    for number in range(120):  # a busy server whose clients get answers, and some that do not
        capture.syn(number * 0.4, f"198.51.100.{number % 200 + 1}", SERVER, 443, refused=number % 2 == 0)


def icmp_flood(capture: Capture) -> None:
    for number in range(220):
        capture.ping(number * 0.02, OUTSIDE, SERVER, sequence=number, answered=False)


def icmp_flood_quiet(capture: Capture) -> None:
    for number in range(100):  # a ping left running: one a second
        capture.ping(number * 1.0, OUTSIDE, SERVER, sequence=number)


def smb_worm(capture: Capture) -> None:
    for number in range(20):
        capture.syn(number * 3.0, INSIDE, f"10.1.7.{number + 1}", 445, refused=number % 4 == 0)


def smb_worm_quiet(capture: Capture) -> None:
    for number in range(30):  # a desktop and its three file servers
        capture.tcp(number * 10.0, INSIDE, f"10.1.7.{number % 3 + 1}", 445, [(0, b"\0\0\0\x10\xfeSMB" + bytes(12))])


def smb_mass_write(capture: Capture) -> None:
    for number in range(6):
        capture.transfer(number * 60.0, INSIDE, f"10.1.7.{number + 1}", 445, 60)


def smb_mass_write_quiet(capture: Capture) -> None:
    for number in range(6):  # large, but to one server
        capture.transfer(number * 60.0, INSIDE, "10.1.7.1", 445, 60)


def large_upload(capture: Capture) -> None:
    capture.transfer(0, INSIDE, OUTSIDE, 443, 520)


def large_upload_quiet(capture: Capture) -> None:
    capture.transfer(0, INSIDE, OUTSIDE, 443, 200)
    capture.transfer(60, INSIDE, "10.2.0.9", 443, 600)  # between two offices


def icmp_tunnel(capture: Capture) -> None:
    for number in range(34):
        capture.ping(number * 1.0, INSIDE, OUTSIDE, 220, sequence=number)


def icmp_tunnel_quiet(capture: Capture) -> None:
    for number in range(34):
        capture.ping(number * 1.0, INSIDE, OUTSIDE, 56, sequence=number)


def tunnel(capture: Capture) -> None:
    for number in range(26):
        capture.dns(number * 4.0, INSIDE, f"{number:02x}{'kq7z2m9x4w' * 5}.t.example.com", "TXT")


def tunnel_quiet(capture: Capture) -> None:
    for number in range(40):  # long names of one content network, but few different ones; and short names
        capture.dns(number * 4.0, INSIDE, f"{number % 6:02x}{'kq7z2m9x4w' * 5}.cdn.example.net", answer=FAR)
        capture.dns(number * 4.0 + 1, INSIDE, f"mail{number}.example.org", "TXT")


def tunnel_null(capture: Capture) -> None:
    for number in range(20):
        capture.dns(number * 2.0, INSIDE, f"v{number:03d}.t.example.com", 10)


def tunnel_null_quiet(capture: Capture) -> None:
    for number in range(5):
        capture.dns(number * 2.0, INSIDE, f"v{number:03d}.t.example.com", 10)


def nxdomain_flood(capture: Capture) -> None:
    for number in range(48):
        capture.dns(number * 2.0, INSIDE, f"{number * 7919:x}qx{number}.example.net", rcode=3)


def nxdomain_flood_quiet(capture: Capture) -> None:
    for number in range(60):  # one name asked for again and again, as a wrong setting does
        capture.dns(number * 2.0, INSIDE, f"printer{number % 3}.example.net", rcode=3)


def zone_transfer(capture: Capture) -> None:
    capture.dns(0, OUTSIDE, "example.com", "AXFR", answer="10.1.0.80", over_tcp=True)


def zone_transfer_quiet(capture: Capture) -> None:
    capture.dns(0, OUTSIDE, "example.com", "AXFR", rcode=5, over_tcp=True)  # refused
    capture.dns(1, "10.1.0.54", "example.com", "AXFR", answer="10.1.0.80", over_tcp=True)  # our own secondary


def tor(capture: Capture) -> None:
    capture.dns(0, INSIDE, "expyuzz4wqqyqhjn.onion", rcode=3)


def tor_quiet(capture: Capture) -> None:
    capture.dns(0, INSIDE, "onion-recipes.example.com", answer=FAR)


def encrypted_dns(capture: Capture) -> None:
    capture.dns(0, INSIDE, "doh.example.net", answer=FAR)


def encrypted_dns_quiet(capture: Capture) -> None:
    capture.dns(0, INSIDE, "dohoa.example.net", answer=FAR)


def cryptominer(capture: Capture) -> None:
    capture.dns(0, INSIDE, "stratum.pool.example.net", answer=FAR)


def cryptominer_quiet(capture: Capture) -> None:
    capture.dns(0, INSIDE, "pool-booking.example.net", answer=FAR)


def amplification(capture: Capture) -> None:
    for number in range(60):
        capture.dns(number * 0.2, OUTSIDE, "example.com", 255, server=RESOLVER)


def amplification_quiet(capture: Capture) -> None:
    for number in range(60):
        capture.dns(number * 0.2, OUTSIDE, "example.com", "MX", server=RESOLVER)


def icmp_many_sizes(capture: Capture) -> None:
    for number in range(24):
        capture.ping(number * 2.0, INSIDE, OUTSIDE, size=40 + number, sequence=number)


def icmp_many_sizes_quiet(capture: Capture) -> None:
    for number in range(40):
        capture.ping(number * 2.0, INSIDE, OUTSIDE, size=56 + 8 * (number % 2), sequence=number)
