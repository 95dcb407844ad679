"""Golden cases of the rules about the local network, services open to the outside, and what machines say outside."""

from __future__ import annotations

import struct

from sensors.made.tls import certificate, client_hello, handshake, sealed, server_hello
from tests.golden import frames
from tests.golden.cases_mail import imap, pop3, smtp_login
from tests.golden.make import FAR, INSIDE, OUTSIDE, RESOLVER, SERVER, Capture
from tests.unit.sensors.talks.test_dhcp import bootp
from tests.unit.sensors.talks.test_modbus import adu
from tests.unit.sensors.talks.test_mqtt import packet, text
from tests.unit.sensors.talks.test_ntp import ASK, MONLIST
from tests.unit.sensors.talks.test_snmp import ber
from tests.unit.sensors.talks.test_snmp import number as integer

Part = tuple[int, bytes]


# --- the local network ----------------------------------------------------------------------------------------------


def arp_poisoning(capture: Capture) -> None:
    capture.put(0, frames.arp_reply(frames.GATEWAY, frames.GATEWAY_MAC, INSIDE))
    capture.put(20, frames.arp_reply(frames.GATEWAY, frames.OTHER_MAC, INSIDE))


def arp_poisoning_quiet(capture: Capture) -> None:
    capture.put(0, frames.arp_reply(frames.GATEWAY, frames.GATEWAY_MAC, INSIDE))
    capture.put(20, frames.arp_reply(frames.GATEWAY, frames.GATEWAY_MAC, INSIDE))
    capture.put(40, frames.arp_reply("10.1.2.99", frames.OTHER_MAC, INSIDE))


def arp_many_addresses(capture: Capture) -> None:
    for last in (1, 40, 41):
        capture.put(last * 1.0, frames.arp_reply(f"10.1.2.{last}", frames.OTHER_MAC, INSIDE))


def arp_many_addresses_quiet(capture: Capture) -> None:
    for last in (40, 41, 42):
        capture.put(last * 1.0, frames.arp_reply(f"10.1.2.{last}", f"02:00:00:00:00:{last}", INSIDE))
    capture.put(50, frames.arp_reply("10.1.2.43", "02:00:00:00:00:42", INSIDE))


def arp_sweep(capture: Capture) -> None:
    for last in range(70):
        capture.put(last * 0.5, frames.arp_request(f"10.1.2.{last + 1}", "10.1.2.99"))


def arp_sweep_quiet(capture: Capture) -> None:
    for last in range(70):
        capture.put(last * 0.5, frames.arp_request(frames.GATEWAY, "10.1.2.99"))


def _offer(capture: Capture, at: float, server: str) -> None:
    address = bytes(map(int, server.split(".")))
    message = bootp(2, b"\x35\1\2\x36\4" + address + b"\x33\4\0\0\x0e\x10\xff", yiaddr=b"\x0a\1\2\x22")
    capture.udp(at, server, "255.255.255.255", 67, 68, message)


def rogue_dhcp(capture: Capture) -> None:
    _offer(capture, 0, frames.GATEWAY)
    _offer(capture, 1, "10.1.2.99")


def rogue_dhcp_quiet(capture: Capture) -> None:
    _offer(capture, 0, frames.GATEWAY)
    _offer(capture, 60, frames.GATEWAY)


def icmp_redirect(capture: Capture) -> None:
    capture.put(0, frames.redirect(frames.GATEWAY, INSIDE, "10.1.2.99"))


def icmp_redirect_quiet(capture: Capture) -> None:
    capture.put(0, frames.unreachable(frames.GATEWAY, INSIDE))


# --- services of equipment ------------------------------------------------------------------------------------------


def _tftp(capture: Capture, name: str, dst: str = SERVER) -> None:
    capture.udp(0, INSIDE, dst, capture.port(), 69, b"\0\1" + name.encode() + b"\0octet\0")


def tftp_configuration(capture: Capture) -> None:
    _tftp(capture, "sw-tang2-startup-config")


def tftp_configuration_quiet(capture: Capture) -> None:
    _tftp(capture, "pxelinux.0")


def tftp_to_outside(capture: Capture) -> None:
    _tftp(capture, "bot.arm", OUTSIDE)


def tftp_to_outside_quiet(capture: Capture) -> None:
    _tftp(capture, "boot.arm")


def _ftp_login(user: str, code: int = 230) -> list[Part]:
    asked = [(1, b"220 FTP ready\r\n"), (0, f"USER {user}\r\n".encode()), (1, b"331 password\r\n")]
    return [*asked, (0, b"PASS x\r\n"), (1, f"{code} said\r\n".encode())]


def _telnet_login(user: str) -> list[Part]:
    begun = [(1, b"\xff\xfd\x18\xff\xfd\x1f"), (0, b"\xff\xfb\x18\xff\xfb\x1f"), (1, b"router login: ")]
    return [*begun, (0, user.encode() + b"\r\n"), (1, b"Password: "), (0, b"x\r\n"), (1, b"\r\nBusyBox v1.0\r\n# ")]


def _clear_logins(capture: Capture, dst: str) -> None:
    logins = (
        (21, _ftp_login("an")),
        (110, pop3(b"+OK in\r\n")),
        (143, imap(b"OK in\r\n")),
        (587, smtp_login(b"235 in\r\n")),
        (23, _telnet_login("an")),
    )
    for at, (port, parts) in enumerate(logins):
        capture.tcp(at * 10.0, INSIDE, dst, port, parts)


def cleartext_password(capture: Capture) -> None:
    _clear_logins(capture, FAR)


def cleartext_password_quiet(capture: Capture) -> None:
    _clear_logins(capture, SERVER)
    capture.tcp(90, INSIDE, FAR, 21, _ftp_login("anonymous"))


def ftp_default_account(capture: Capture) -> None:
    capture.tcp(0, OUTSIDE, SERVER, 21, _ftp_login("admin"))


def ftp_default_account_quiet(capture: Capture) -> None:
    capture.tcp(0, OUTSIDE, SERVER, 21, _ftp_login("admin", 530))
    capture.tcp(5, OUTSIDE, SERVER, 21, _ftp_login("binh"))


def telnet_default_account(capture: Capture) -> None:
    capture.tcp(0, OUTSIDE, SERVER, 23, _telnet_login("root"))


def telnet_default_account_quiet(capture: Capture) -> None:
    capture.tcp(0, INSIDE, SERVER, 23, _telnet_login("binh"))


GET, SET = 0xA0, 0xA3


def _snmp(capture: Capture, at: float, src: str, community: str, kind: int = GET) -> None:
    variable = ber(0x30, ber(6, bytes.fromhex("2b06010201010100")), ber(5))
    pdu = ber(kind, integer(int(at) + 1), integer(0), integer(0), ber(0x30, variable))
    message = ber(0x30, ber(2, b"\1"), ber(4, community.encode()), pdu)
    capture.udp(at, src, SERVER, capture.port(), 161, message)


def snmp_default_community(capture: Capture) -> None:
    _snmp(capture, 0, OUTSIDE, "public")


def snmp_default_community_quiet(capture: Capture) -> None:
    _snmp(capture, 0, INSIDE, "public")


def snmp_write_from_outside(capture: Capture) -> None:
    _snmp(capture, 0, OUTSIDE, "q7-ghi", SET)


def snmp_write_from_outside_quiet(capture: Capture) -> None:
    _snmp(capture, 0, INSIDE, "q7-ghi", SET)


def snmp_community_guessing(capture: Capture) -> None:
    for tried in range(9):
        _snmp(capture, tried * 2.0, INSIDE, f"thu{tried}")


def snmp_community_guessing_quiet(capture: Capture) -> None:
    for asked in range(12):
        _snmp(capture, asked * 2.0, INSIDE, "q7-doc")


def _vnc(capture: Capture, at: float, src: str, kind: int, result: int = 0) -> None:
    """Security type 1 asks for nothing, 2 for a password (RFC 6143 §7.1.2); result 0 lets in."""
    parts: list[Part] = [(1, b"RFB 003.008\n"), (0, b"RFB 003.008\n"), (1, bytes((1, kind))), (0, bytes((kind,)))]
    if kind == 2:
        parts += [(1, bytes(range(16))), (0, bytes(range(16, 32)))]
    capture.tcp(at, src, SERVER, 5900, [*parts, (1, struct.pack("!I", result)), (0, b"\1")])


def vnc_guessing(capture: Capture) -> None:
    for tried in range(9):
        _vnc(capture, tried * 5.0, OUTSIDE, 2, 1)


def vnc_guessing_quiet(capture: Capture) -> None:
    for tried in range(2):
        _vnc(capture, tried * 5.0, OUTSIDE, 2, 1)


def vnc_without_password(capture: Capture) -> None:
    _vnc(capture, 0, OUTSIDE, 1)


def vnc_without_password_quiet(capture: Capture) -> None:
    _vnc(capture, 0, OUTSIDE, 2)
    _vnc(capture, 5, INSIDE, 1)


def _mqtt(capture: Capture, flags: int, *more: bytes) -> None:
    connect = packet(1, text(b"MQTT") + bytes((4, flags)) + b"\0\x3c" + text(b"cam-1") + b"".join(map(text, more)))
    capture.tcp(0, OUTSIDE, SERVER, 1883, [(0, connect), (1, packet(2, b"\0\0"))])


def mqtt_without_name(capture: Capture) -> None:
    _mqtt(capture, 0x02)


def mqtt_without_name_quiet(capture: Capture) -> None:
    _mqtt(capture, 0xC2, b"an", b"x")


def _port(capture: Capture, at: float, src: str, port: int) -> None:
    capture.tcp(at, src, SERVER, port, [(1, bytes(range(1, 60))), (0, bytes(range(1, 40))), (1, bytes(20))])


def database_from_outside(capture: Capture) -> None:
    _port(capture, 0, OUTSIDE, 3306)


def database_from_outside_quiet(capture: Capture) -> None:
    capture.syn(0, OUTSIDE, SERVER, 3306, refused=True)
    _port(capture, 5, INSIDE, 3306)


def control_port_from_outside(capture: Capture) -> None:
    _port(capture, 0, OUTSIDE, 2375)


def control_port_from_outside_quiet(capture: Capture) -> None:
    _port(capture, 0, INSIDE, 2375)


# --- what machines say outside --------------------------------------------------------------------------------------


def _desktop(capture: Capture, src: str, port: int) -> None:
    asked = bytes.fromhex("030000130ee000000000000100080003000000")
    said = bytes.fromhex("030000130ed000001234000200080002000000")
    capture.tcp(0, src, SERVER, port, [(0, asked), (1, said), (0, bytes(80)), (1, bytes(60))])


def rdp_unusual_port(capture: Capture) -> None:
    _desktop(capture, OUTSIDE, 4433)


def rdp_unusual_port_quiet(capture: Capture) -> None:
    _desktop(capture, INSIDE, 4433)
    _desktop(capture, OUTSIDE, 3389)


def _shell(capture: Capture, port: int) -> None:
    said = [(1, b"SSH-2.0-OpenSSH_9.2\r\n"), (0, b"SSH-2.0-OpenSSH_9.6\r\n")]
    capture.tcp(0, INSIDE, FAR, port, [*said, *((turn % 2, bytes(60)) for turn in range(12))])


def ssh_unusual_port(capture: Capture) -> None:
    _shell(capture, 443)


def ssh_unusual_port_quiet(capture: Capture) -> None:
    _shell(capture, 22)


def _chat(capture: Capture, dst: str) -> None:
    said = [(0, b"NICK vn7\r\nUSER a 0 * :a\r\n"), (1, b":irc.example.org 001 vn7 :hi\r\n"), (0, b"JOIN #x\r\n")]
    capture.tcp(0, INSIDE, dst, 6667, said)


def irc_to_outside(capture: Capture) -> None:
    _chat(capture, OUTSIDE)


def irc_to_outside_quiet(capture: Capture) -> None:
    _chat(capture, SERVER)


A, TXT, CHAOS = 1, 16, 3


def _question(name: str, qtype: int, qclass: int = 1) -> bytes:
    labels = b"".join(bytes((len(label),)) + label.encode() for label in name.split("."))
    return labels + b"\0" + struct.pack("!HH", qtype, qclass)


def _ask(capture: Capture, at: float, question: bytes, said: bytes, *, src: str, dst: str, port: int = 53) -> None:
    """A question and its one answer of these bytes (RFC 1035 §4.1)."""
    sport, ident = capture.port(), struct.pack("!H", capture.port())
    capture.udp(at, src, dst, sport, port, ident + struct.pack("!5H", 0x0100, 1, 0, 0, 0) + question)
    record = b"\xc0\x0c" + question[-4:] + struct.pack("!IH", 60, len(said)) + said
    answer = ident + struct.pack("!5H", 0x8180, 1, 1, 0, 0) + question + record
    capture.udp(at + 0.01, dst, src, port, sport, answer)


def unusual_port(capture: Capture) -> None:
    _ask(capture, 0, _question("www.example.org", A), b"\xc6\x33\x64\x14", src=INSIDE, dst=OUTSIDE, port=5380)


def unusual_port_quiet(capture: Capture) -> None:
    _ask(capture, 0, _question("www.example.org", A), b"\xc6\x33\x64\x14", src=INSIDE, dst=OUTSIDE)


def _text(capture: Capture, at: float, name: str, said: bytes) -> None:
    _ask(capture, at, _question(name, TXT), bytes((len(said),)) + said, src=INSIDE, dst=RESOLVER)


def long_text_answers(capture: Capture) -> None:
    for part in range(6):
        _text(capture, part * 5.0, f"p{part}.example.net", b"QUJD" * 60)


def long_text_answers_quiet(capture: Capture) -> None:
    for part in range(6):
        _text(capture, part * 5.0, f"d{part}.example.org", b"v=spf1 " + b"ip4:198.51.100.20 " * 12)
    for part in range(2):
        _text(capture, 60 + part, f"p{part}.example.net", b"QUJD" * 60)


def dynamic_name(capture: Capture) -> None:
    capture.dns(0, INSIDE, "may7.duckdns.org", answer=OUTSIDE)


def dynamic_name_quiet(capture: Capture) -> None:
    capture.dns(0, INSIDE, "duckdns.org.example.com", answer=OUTSIDE)


def tunnel_service(capture: Capture) -> None:
    capture.dns(0, INSIDE, "a-b-c.trycloudflare.com", answer=OUTSIDE)


def tunnel_service_quiet(capture: Capture) -> None:
    capture.dns(0, INSIDE, "www.cloudflare.com", answer=FAR)


def remote_access_tool(capture: Capture) -> None:
    capture.dns(0, INSIDE, "sg1.ultraviewer.net", answer=OUTSIDE)


def remote_access_tool_quiet(capture: Capture) -> None:
    capture.dns(0, INSIDE, "anydesk.example.com", answer=FAR)


def file_drop(capture: Capture) -> None:
    capture.dns(0, INSIDE, "gofile.io", answer=OUTSIDE)


def file_drop_quiet(capture: Capture) -> None:
    capture.dns(0, INSIDE, "profile.io", answer=FAR)


def chat_control(capture: Capture) -> None:
    capture.dns(0, INSIDE, "api.telegram.org", answer=OUTSIDE)


def chat_control_quiet(capture: Capture) -> None:
    capture.dns(0, INSIDE, "telegram.org", answer=FAR)


def own_address_question(capture: Capture) -> None:
    capture.dns(0, INSIDE, "api.ipify.org", answer=OUTSIDE)


def own_address_question_quiet(capture: Capture) -> None:
    capture.dns(0, INSIDE, "api.example.org", answer=FAR)


def version_question(capture: Capture) -> None:
    _ask(capture, 0, _question("version.bind", TXT, CHAOS), b"\x049.18", src=OUTSIDE, dst=RESOLVER)


def version_question_quiet(capture: Capture) -> None:
    _ask(capture, 0, _question("version.bind", TXT, CHAOS), b"\x049.18", src=INSIDE, dst=RESOLVER)


# --- denial of service ----------------------------------------------------------------------------------------------


def ntp_monlist(capture: Capture) -> None:
    capture.udp(0, OUTSIDE, SERVER, 40_001, 123, MONLIST)


def ntp_monlist_quiet(capture: Capture) -> None:
    capture.udp(0, OUTSIDE, SERVER, 40_001, 123, ASK)


def _memcached(capture: Capture, at: float, src: str, datagrams: int) -> None:
    sport = capture.port()
    capture.udp(at, src, SERVER, sport, 11_211, b"\0\1\0\0\0\1\0\0stats\r\n")
    for sent in range(datagrams):
        capture.udp(at + 0.001 * sent + 0.01, SERVER, src, 11_211, sport, b"\0\1\0\0\0\1\0\0" + bytes(150))


def reflector(capture: Capture) -> None:
    _memcached(capture, 0, OUTSIDE, 14)


def reflector_quiet(capture: Capture) -> None:
    _memcached(capture, 0, OUTSIDE, 1)
    _memcached(capture, 5, INSIDE, 14)


def _reflected(capture: Capture, servers: int) -> None:
    for server in range(servers):
        capture.udp(server * 0.2, f"198.51.100.{server + 1}", SERVER, 389, 40_500, bytes(400))


def reflected_flood(capture: Capture) -> None:
    _reflected(capture, 28)


def reflected_flood_quiet(capture: Capture) -> None:
    _reflected(capture, 10)


def _slow(capture: Capture, count: int) -> None:
    for begun in range(count):
        capture.tcp(begun * 1.0, OUTSIDE, SERVER, 80, [(0, b"GET / HTTP/1.1\r\n"), (0, b"X-a: 1\r\n")], gap=13.0)


def slow_requests(capture: Capture) -> None:
    _slow(capture, 22)


def slow_requests_quiet(capture: Capture) -> None:
    _slow(capture, 5)


# --- TLS ------------------------------------------------------------------------------------------------------------


def known_control_certificate(capture: Capture) -> None:
    handshake(capture, 0, INSIDE, OUTSIDE, 443, "c.example.net", certificate("Quasar Server CA", "Quasar Server CA"))


def known_control_certificate_quiet(capture: Capture) -> None:
    handshake(capture, 0, INSIDE, OUTSIDE, 443, "c.example.net", certificate("c.example.net", "Example CA"))


def tor_certificate(capture: Capture) -> None:
    shown = certificate("www.k5xw3qe7aby2.net", "www.ojq4dzy6m2t.com")
    handshake(capture, 0, INSIDE, OUTSIDE, 443, "www.f7qk2mz.com", shown)


def tor_certificate_quiet(capture: Capture) -> None:
    handshake(capture, 0, INSIDE, OUTSIDE, 443, "www.bao-tinh.net", certificate("www.bao-tinh.net", "Example CA"))


def old_version(capture: Capture) -> None:
    answer = server_hello(certificate("a.example.com", "Example CA"))
    older = answer.replace(b"\3\3" + bytes(range(32, 64)), b"\3\1" + bytes(range(32, 64)))
    said = [(0, client_hello("a.example.com")), (1, older), (0, sealed()), (1, sealed())]
    capture.tcp(0, INSIDE, SERVER, 443, said)


def old_version_quiet(capture: Capture) -> None:
    handshake(capture, 0, INSIDE, SERVER, 443, "a.example.com", certificate("a.example.com", "Example CA"))


_PORTAL = "cong.example.gov.vn"


def government_self_signed(capture: Capture) -> None:
    handshake(capture, 0, INSIDE, OUTSIDE, 443, _PORTAL, certificate(_PORTAL, _PORTAL))


def government_self_signed_quiet(capture: Capture) -> None:
    handshake(capture, 0, INSIDE, OUTSIDE, 443, _PORTAL, certificate(_PORTAL, "Example CA"))


def bare_client(capture: Capture) -> None:
    handshake(capture, 0, INSIDE, OUTSIDE, 5555, None)


def bare_client_quiet(capture: Capture) -> None:
    handshake(capture, 0, INSIDE, OUTSIDE, 5555, "www.example.org")
    handshake(capture, 5, INSIDE, OUTSIDE, 443, None)


# --- files, telephones and industry ---------------------------------------------------------------------------------


def _ftp_transfer(capture: Capture, verb: str, sender: int) -> None:
    """A file by passive FTP (RFC 959 §5.3); the data connection comes half a second behind the answer to PASV."""
    agreed = b"227 Entering Passive Mode (198,51,100,20,156,64)\r\n"
    talk = [*_ftp_login("anonymous"), (0, b"PASV\r\n"), (1, agreed), (0, f"{verb} so-lieu.csv\r\n".encode())]
    capture.tcp(0, INSIDE, FAR, 21, [*talk, (1, b"150 go\r\n"), (1, b"226 done\r\n")], gap=0.5)
    capture.tcp(5.55, INSIDE, FAR, 40_000, [(sender, b"a;b;c\n" * 20)], gap=0.01)


def ftp_upload_to_outside(capture: Capture) -> None:
    _ftp_transfer(capture, "STOR", 0)


def ftp_upload_to_outside_quiet(capture: Capture) -> None:
    _ftp_transfer(capture, "RETR", 1)


def _sip(agent: str, sequence: int) -> bytes:
    lines = (
        "REGISTER sip:pbx.example.com SIP/2.0",
        "Via: SIP/2.0/UDP 203.0.113.66:5060",
        "From: <sip:100@example.com>;tag=1",
        "To: <sip:100@example.com>",
        f"Call-ID: {sequence}@example.org",
        f"CSeq: {sequence} REGISTER",
        f"User-Agent: {agent}",
        "Content-Length: 0",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _register(capture: Capture, at: float, agent: str = "Dien thoai 1.0") -> None:
    sequence = int(at) + 1
    refused = f"SIP/2.0 403 Forbidden\r\nCall-ID: {sequence}@example.org\r\nCSeq: {sequence} REGISTER\r\n\r\n"
    capture.udp(at, OUTSIDE, SERVER, 5060, 5060, _sip(agent, sequence))
    capture.udp(at + 0.01, SERVER, OUTSIDE, 5060, 5060, refused.encode())


def sip_guessing(capture: Capture) -> None:
    for tried in range(22):
        _register(capture, tried * 2.0)


def sip_guessing_quiet(capture: Capture) -> None:
    for tried in range(4):
        _register(capture, tried * 2.0)


def sip_scanner(capture: Capture) -> None:
    _register(capture, 0, "friendly-scanner")


def sip_scanner_quiet(capture: Capture) -> None:
    _register(capture, 0)


_READ, _READ_ANSWER = adu(b"\x03\0\x6b\0\1"), adu(b"\x03\2\0\1")
_WRITE, _WRITE_ANSWER = adu(b"\x06\0\1\0\3"), adu(b"\x06\0\1\0\3")
_DIAGNOSE = adu(b"\x08\0\1\0\0")


def _modbus(capture: Capture, at: float, src: str, asked: bytes, told: bytes, dst: str = "10.1.7.5") -> None:
    capture.tcp(at, src, dst, 502, [(0, asked), (1, told)])


def modbus_write_from_outside(capture: Capture) -> None:
    _modbus(capture, 0, OUTSIDE, _WRITE, _WRITE_ANSWER)


def modbus_write_from_outside_quiet(capture: Capture) -> None:
    _modbus(capture, 0, INSIDE, _WRITE, _WRITE_ANSWER)


def modbus_read_from_outside(capture: Capture) -> None:
    _modbus(capture, 0, OUTSIDE, _READ, _READ_ANSWER)


def modbus_read_from_outside_quiet(capture: Capture) -> None:
    _modbus(capture, 0, INSIDE, _READ, _READ_ANSWER)


def modbus_stop(capture: Capture) -> None:
    said = [(0, _READ), (1, _READ_ANSWER), (0, _DIAGNOSE), (1, _DIAGNOSE)]
    capture.tcp(0, INSIDE, "10.1.7.5", 502, said)


def modbus_stop_quiet(capture: Capture) -> None:
    _modbus(capture, 0, INSIDE, _READ, _READ_ANSWER)


def modbus_sweep(capture: Capture) -> None:
    for last in range(9):
        _modbus(capture, last * 3.0, INSIDE, _READ, _READ_ANSWER, f"10.1.7.{last + 1}")


def modbus_sweep_quiet(capture: Capture) -> None:
    for asked in range(20):
        _modbus(capture, asked * 2.0, INSIDE, _READ, _READ_ANSWER)
