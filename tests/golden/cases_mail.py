"""Golden cases of the rules about mail."""

from __future__ import annotations

import base64

from tests.golden.make import FAR, INSIDE, OUTSIDE, SERVER, Capture

Part = tuple[int, bytes]
OUR_MAIL = SERVER


def deliver(
    capture: Capture,
    head: str = "",
    text: str = "Xin chào",
    *,
    at: float = 0,
    src: str = OUTSIDE,
    dst: str = OUR_MAIL,
    envelope: str = "an@example.org",
    attached: tuple[str, bytes] | None = None,
    refused: bool = False,
) -> None:
    """A message to one of us, or a recipient whom nobody has."""
    parts: list[Part] = [
        (1, b"220 mail.example.com ESMTP\r\n"),
        (0, b"EHLO mx.example.org\r\n"),
        (1, b"250 mail.example.com\r\n"),
        (0, f"MAIL FROM:<{envelope}>\r\n".encode()),
        (1, b"250 ok\r\n"),
        (0, b"RCPT TO:<binh@example.com>\r\n"),
    ]
    if refused:
        parts.append((1, b"550 no such user\r\n"))
    else:
        message = _message(head or f"From: <{envelope}>", text, attached)
        parts += [(1, b"250 ok\r\n"), (0, b"DATA\r\n"), (1, b"354 go\r\n"), (0, message), (1, b"250 queued\r\n")]
    capture.tcp(at, src, dst, 25, [*parts, (0, b"QUIT\r\n"), (1, b"221 bye\r\n")])


def _message(head: str, text: str, attached: tuple[str, bytes] | None) -> bytes:
    lines = [*head.splitlines(), "To: <binh@example.com>", "Subject: Thong bao", "Message-ID: <1@example.org>"]
    if attached is None:
        return "\r\n".join([*lines, "Content-Type: text/plain; charset=utf-8", "", text, ".", ""]).encode()
    name, content = attached
    lines += ["MIME-Version: 1.0", 'Content-Type: multipart/mixed; boundary="b"', "", "--b", "", text, "--b"]
    lines += [f'Content-Disposition: attachment; filename="{name}"', "Content-Transfer-Encoding: base64", ""]
    lines += [base64.b64encode(content).decode(), "--b--", ".", ""]
    return "\r\n".join(lines).encode()


_TEXT = b"var a = 1;\n" * 5


def double_extension(capture: Capture) -> None:
    deliver(capture, attached=("cong-van.pdf.exe", b"MZ" + bytes(100)))


def double_extension_quiet(capture: Capture) -> None:
    deliver(capture, attached=("bao-cao.v2.pdf", b"%PDF-1.7\n" + bytes(50)))


def program_attached(capture: Capture) -> None:
    deliver(capture, attached=("hoa-don.js", _TEXT))


def program_attached_quiet(capture: Capture) -> None:
    deliver(capture, attached=("hoa-don.pdf", b"%PDF-1.7\n" + bytes(50)))


def disk_image_attached(capture: Capture) -> None:
    deliver(capture, attached=("ho-so.iso", bytes(200)))


def disk_image_attached_quiet(capture: Capture) -> None:
    deliver(capture, attached=("ho-so.jpg", b"\xff\xd8\xff\xe0" + bytes(100)))


def macro_document_attached(capture: Capture) -> None:
    deliver(capture, attached=("du-toan.xlsm", b"PK\x03\x04" + bytes(100)))


def macro_document_attached_quiet(capture: Capture) -> None:
    deliver(capture, attached=("du-toan.xlsx", b"PK\x03\x04" + bytes(100)))


_GOVERNMENT = "From: Van phong <vp@bo.example.gov.vn>"


def false_government_sender(capture: Capture) -> None:
    deliver(capture, _GOVERNMENT, envelope="x@bulk.example.net")


def false_government_sender_quiet(capture: Capture) -> None:
    deliver(capture, _GOVERNMENT, envelope="vp@bo.example.gov.vn")


def reply_goes_elsewhere(capture: Capture) -> None:
    deliver(capture, f"{_GOVERNMENT}\nReply-To: <vp.bo@gmail.com>", envelope="vp@bo.example.gov.vn")


def reply_goes_elsewhere_quiet(capture: Capture) -> None:
    deliver(capture, f"{_GOVERNMENT}\nReply-To: <vt@bo.example.gov.vn>", envelope="vp@bo.example.gov.vn")


def bare_address_link(capture: Capture) -> None:
    deliver(capture, text="Xem http://203.0.113.66/xac-thuc")


def bare_address_link_quiet(capture: Capture) -> None:
    deliver(capture, text="Xem http://www.example.org/xac-thuc")
    deliver(capture, text="Xem http://10.1.0.9/canh-bao", src=INSIDE, at=5)


def lookalike_link(capture: Capture) -> None:
    text = "Xem https://dichvucong-xacthuc.example.com/vao hoặc https://dichvucong.gov.vn/"
    deliver(capture, text=text)


def lookalike_link_quiet(capture: Capture) -> None:
    deliver(capture, text="Xem https://dichvucong.gov.vn/ và https://tinh.dichvucong.example.gov.vn/a")


def mass_mailing(capture: Capture) -> None:
    for number in range(22):
        capture.syn(number * 5.0, INSIDE, f"198.51.100.{number + 1}", 25, refused=number % 2 == 0)


def mass_mailing_quiet(capture: Capture) -> None:
    for number in range(30):
        capture.syn(number * 5.0, INSIDE, FAR, 25, refused=True)


def recipient_guessing(capture: Capture) -> None:
    for number in range(12):
        deliver(capture, at=number * 10.0, refused=True)


def recipient_guessing_quiet(capture: Capture) -> None:
    for number in range(4):
        deliver(capture, at=number * 10.0, refused=number == 2)


def pop3(answer: bytes) -> list[Part]:
    return [(1, b"+OK ready to serve\r\n"), (0, b"USER an\r\n"), (1, b"+OK go on\r\n"), (0, b"PASS x\r\n"), (1, answer)]


def imap(answer: bytes) -> list[Part]:
    return [(1, b"* OK IMAP4rev1 ready\r\n"), (0, b"a1 LOGIN an x\r\n"), (1, b"a1 " + answer)]


def smtp_login(answer: bytes) -> list[Part]:
    said = base64.b64encode(b"\0an\0x")
    parts = [(1, b"220 mail.example.com ESMTP\r\n"), (0, b"EHLO a\r\n"), (1, b"250-mail\r\n250 AUTH PLAIN\r\n")]
    return [*parts, (0, b"AUTH PLAIN " + said + b"\r\n"), (1, answer), (0, b"QUIT\r\n"), (1, b"221 bye\r\n")]


def _guess(capture: Capture, count: int) -> None:
    refusals = ((110, pop3(b"-ERR no\r\n")), (143, imap(b"NO no\r\n")), (587, smtp_login(b"535 no\r\n")))
    for number in range(count):
        for port, parts in refusals:
            capture.tcp(number * 5.0, OUTSIDE, OUR_MAIL, port, parts)


def mail_password_guessing(capture: Capture) -> None:
    _guess(capture, 11)


def mail_password_guessing_quiet(capture: Capture) -> None:
    _guess(capture, 2)


def secret_document(capture: Capture) -> None:
    deliver(capture, src=INSIDE, dst=FAR, attached=("Ke hoach TOI MAT 2026.pdf", b"%PDF-1.7\n" + bytes(50)))


def secret_document_quiet(capture: Capture) -> None:
    deliver(capture, src=INSIDE, attached=("Ke hoach TOI MAT 2026.pdf", b"%PDF-1.7\n" + bytes(50)))
    deliver(capture, src=INSIDE, dst=FAR, at=5, attached=("bao mat thong tin.pdf", b"%PDF-1.7\n" + bytes(50)))
