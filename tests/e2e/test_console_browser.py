"""The console in a real browser against the real server: keyboard, forms, pictures, and what the browser objects to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from sensors.made.day import MINISTRY, make_capture
from tests.conftest import ROOT
from tests.real.parts import lacking
from tests.unit.sharing.office import Office, open_office

pytestmark = pytest.mark.browser
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Console:
    """A running node, and how to come in."""

    url: str
    data: Path
    office: Office  # where its published tables go

    def link(self) -> str:
        return self.url + json.loads(vonggac(self.data, "user", "link", "lan"))["path"]


def vonggac(data: Path, *arguments: str, given: str = "", code: int = 0, **settings: str) -> str:
    command = [sys.executable, "-m", "vonggac", "--data-dir", str(data), "--quiet", *arguments]
    done = subprocess.run(
        command, input=given, capture_output=True, text=True, cwd=ROOT, env=environment(**settings), timeout=120
    )
    assert done.returncode == code, done.stderr
    return done.stdout


def environment(**settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VONGGAC_")}
    given = {f"VONGGAC_{name.upper()}": value for name, value in settings.items()}
    return {**kept, **given, "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A node that has taken a ministry's day, on a free port."""
    if not shutil.which(CHROMIUM):
        lacking(f"there is no {CHROMIUM}")
    folder = tmp_path_factory.mktemp("node")
    data = folder / "data"
    (folder / "day.pcap").write_bytes(make_capture(MINISTRY))
    (folder / "agencies.csv").write_text("code,name,level\nG99,Bộ Mẫu,ministry\n", "utf-8")
    vonggac(data, "agency", "import", str(folder / "agencies.csv"))
    vonggac(data, "ingest", str(folder / "day.pcap"), "--sensor", "bo-mau", "--agency", "G99")
    vonggac(data, "user", "add", "lan", "--role", "lead", "--password-stdin", given="mật khẩu đủ dài 12")
    command = [sys.executable, "-m", "vonggac", "--data-dir", str(data), "serve", "--port", "0", "--role", "console"]
    with open_office() as office:
        env = environment(reporting_url=office.url)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=env) as server:
            assert server.stdout is not None
            line = server.stdout.readline()
            try:
                yield Console(json.loads(line)["ready"], data, office)
            finally:
                server.terminate()


@pytest.fixture(scope="module")
def chromium(console: Console) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@dataclass
class Watch:
    """What a browser complained of and where it went."""

    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def over(self, context: Any) -> Any:
        """A page of this context that is watched."""
        page = context.new_page()
        page.on("console", lambda message: self.complaints.append(message.text) if message.type in WORSE else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        page.add_init_script(
            "document.addEventListener('securitypolicyviolation', e => console.error('CSP ' + e.violatedDirective))"
        )
        return page

    def check(self, console: Console) -> None:
        assert self.complaints == []
        assert self.hosts <= {urlsplit(console.url).netloc, ""}, self.hosts


WORSE = ("error", "warning")


@pytest.fixture
def watch(console: Console) -> Iterator[Watch]:
    """After each test: no error, no violation of the policy, no other host."""
    watching = Watch()
    yield watching
    watching.check(console)


@pytest.fixture
def page(chromium: Any, console: Console, watch: Watch) -> Iterator[Any]:
    """Logged in by a one-time link, looking at the inbox."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    opened = watch.over(context)
    opened.goto(console.link())
    assert opened.url == f"{console.url}/"
    yield opened
    context.close()


def test_an_analyst_works_the_inbox_by_keyboard(page: Any) -> None:
    titles = page.locator("td.title a").all_inner_texts()
    assert len(titles) >= 4
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.locator("tr.here td.title").inner_text() == titles[1]
    page.keyboard.press("k")
    page.keyboard.press("j")
    page.keyboard.press("x")
    assert page.locator("#picked").inner_text() == "(1)"
    page.keyboard.press("o")
    page.wait_for_url("**/incidents/*")
    assert page.locator("h1").inner_text() == titles[1]
    page.keyboard.press("u")
    page.wait_for_url("**/")
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url("**/stats")
    page.keyboard.press("?")
    assert page.locator("dialog#keys").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("i")
    page.wait_for_url("**/")
    page.keyboard.press("/")
    page.keyboard.type("jx SMB")
    assert page.locator("#search").input_value() == "jx SMB"


def test_shortcuts_can_be_switched_off_and_stay_off(page: Any) -> None:
    """WCAG 2.2 §2.1.4."""
    page.keyboard.press("?")
    page.locator("#keys-on").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    page.keyboard.press("j")
    assert page.locator("tr.here").count() == 0
    page.keyboard.press("?")
    page.locator("#keys-on").check()


def test_keys_of_an_input_method_are_left_alone(page: Any) -> None:
    page.evaluate(
        "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'j', isComposing: true, bubbles: true}))"
    )
    assert page.locator("tr.here").count() == 0


def test_a_decision_is_made_and_told_in_the_history(page: Any) -> None:
    page.locator("td.title a").first.click()
    page.wait_for_url("**/incidents/*")
    page.keyboard.press("e")
    page.locator("#act").select_option("confirmed")
    page.locator("form[action$='/transition'] button").click()
    page.wait_for_url("**/incidents/*")
    assert "Đã xác nhận" in page.locator(".labels").inner_text()
    assert "chuyển sang: Đã xác nhận" in page.locator(".timeline").inner_text()
    page.locator("table.events a").first.click()
    page.wait_for_url("**/events/**")
    assert page.locator("#origin").is_visible()


def test_an_incident_leads_to_a_suppression_that_would_have_covered_it(page: Any, console: Console) -> None:
    page.locator("td.title a").first.click()
    page.wait_for_url("**/incidents/*")
    detections = page.locator(".events tbody").count()
    page.locator("#suppress").click()
    page.locator("button[value=preview]").click()
    assert page.locator("#suppression").is_visible()
    assert page.locator(".list tbody tr").count() == min(detections, 10), "what it is made of, at least the newest"
    page.locator("textarea[name=reason]").fill("máy quét của ta")
    page.locator("button[value=make]").click()
    page.wait_for_url("**/suppressions/sup-*")
    assert "Đang hiệu lực" in page.locator(".labels").inner_text()
    page.locator("form[action$='/end'] textarea").fill("xong")
    page.locator("form[action$='/end'] button").click()
    page.wait_for_url("**/suppressions/sup-*")
    assert "Đã kết thúc" in page.locator(".labels").inner_text()
    assert "xong" in page.locator(".timeline").inner_text()
    page.goto(f"{console.url}/suppressions?tab=over")
    assert page.locator("table.list tbody tr").count() == 1


def test_statistics_have_a_picture_and_only_the_fields_of_their_period(page: Any, console: Console) -> None:
    page.goto(f"{console.url}/stats")
    assert page.locator("svg.chart rect").count() >= 2
    assert not page.locator("select[name=quarter]").is_visible()
    page.locator("select[name=kind]").select_option("quarter")
    assert page.locator("select[name=quarter]").is_visible()
    page.locator("#period button").click()
    page.wait_for_url("**/stats?**")
    assert page.locator("table.figures tfoot").is_visible()


def test_a_figure_leads_to_its_incidents_and_on_to_the_events_behind_them(page: Any, console: Console) -> None:
    page.goto(f"{console.url}/stats?by=agency")
    figure = page.locator("table.figures tbody td a").first
    count = int(figure.inner_text())
    figure.click()
    page.wait_for_url("**/stats/cell?**")
    rows = page.locator("table.opened tbody tr")
    assert rows.count() == count > 0
    title = rows.first.locator("th a").inner_text()
    rows.first.locator("th a").click()
    page.wait_for_url("**/incidents/*")
    assert page.locator("h1").inner_text() == title
    assert page.locator('a[href^="/events/"]').count() > 0


def test_a_table_is_published_and_laid_beside_today(page: Any, console: Console) -> None:
    page.goto(f"{console.url}/stats?by=category")
    page.locator("button.main").click()
    page.wait_for_url("**/stats/published/TK-*")
    identity = page.locator("h1").inner_text().split()[-1]
    page.locator('a[href^="?compare=1"]').click()
    page.wait_for_url("**compare=1**")
    assert page.locator("table.figures").count() == 2
    page.goto(f"{console.url}/stats/published")
    assert page.get_by_role("link", name=identity).is_visible()


def test_a_table_that_was_not_taken_is_sent_from_its_page(page: Any, console: Console) -> None:
    table = json.loads(vonggac(console.data, "stats", "publish", "--period", "2026-M11"))["id"]
    console.office.statuses = (503, 201)
    vonggac(console.data, "stats", "push", table, code=4, reporting_url=console.office.url)
    page.goto(f"{console.url}/stats")
    page.get_by_role("link", name="Bảng gửi đi").click()
    line = page.locator("tbody tr", has_text=table)
    assert "đang chờ" in line.inner_text() and "HTTP 503" in line.inner_text()
    line.get_by_role("button").click()
    page.wait_for_url("**/outbox?done=delivered")
    assert "đã nhận" in line.inner_text() and "BC-2" in line.inner_text()
    assert line.get_by_role("button").count() == 0
    assert console.office.ids() == [table, table]


def test_the_language_changes_in_place(page: Any, console: Console) -> None:
    page.goto(f"{console.url}/stats?by=agency")
    page.get_by_role("link", name="English").click()
    page.wait_for_url("**/stats?by=agency")
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("h1").inner_text() == "Statistics"


def test_the_api_page_draws_its_operations(page: Any, console: Console) -> None:
    page.goto(f"{console.url}/docs")
    page.locator(".opblock").first.wait_for()
    assert page.locator(".opblock").count() > 25


def test_the_font_of_vietnamese_is_ours(page: Any) -> None:
    loaded = page.evaluate(
        "document.fonts.ready.then(fonts => [...fonts].filter(f => f.status === 'loaded').map(f => f.family))"
    )
    assert len(loaded) >= 2 and all("Be Vietnam Pro" in family for family in loaded)


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/stats",
        "/stats/cell?period=2026",
        "/stats/published",
        "/outbox",
        "/duties",
        "/suppressions",
        "/suppressions/new",
        "/subscribers",
        "/help",
    ],
)
def test_no_page_is_wider_than_the_screen(page: Any, console: Console, path: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(console.url + path)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_everything_works_without_scripts(chromium: Any, console: Console, watch: Watch) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.on("request", lambda request: watch.hosts.add(urlsplit(request.url).netloc))
    page.goto(f"{console.url}/stats?by=agency")
    assert page.url.startswith(f"{console.url}/login?next=")
    page.locator("input[name=name]").fill("lan")
    page.locator("input[name=password]").fill("mật khẩu đủ dài 12")
    page.locator("button.main").click()
    assert page.url == f"{console.url}/stats?by=agency"
    assert page.locator("select[name=quarter]").is_visible(), "without scripts every field is there"
    page.goto(f"{console.url}/?q=quet+cong")
    page.locator("td.title a").first.click()
    page.locator("textarea[name=text]").fill("ghi chú không cần script")
    page.locator("form[action$='/note'] button").click()
    assert "ghi chú không cần script" in page.locator(".timeline").inner_text()
    page.locator("form[action='/logout'] button").click()
    page.goto(f"{console.url}/")
    assert "/login" in page.url
    context.close()
