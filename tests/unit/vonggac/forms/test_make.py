"""The official forms: what is filled in, what is left to a person, and that the same records give the same bytes."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from datetime import date, datetime, timedelta

import docx
import pytest

from tests.unit.vonggac.duties.made import at
from vonggac.directory import load_directory, save_agencies, save_systems
from vonggac.domain.access import Principal, UserRole, visible_to
from vonggac.domain.agency import Agency, Directory, Level, System
from vonggac.domain.duty import Filing, Mark
from vonggac.domain.incident import Entry, EntryKind, Evidence, Status, evidence_data
from vonggac.duties.kept import add_filing, add_mark
from vonggac.duties.law import versions_of
from vonggac.errors import NotFound, SharingRefused, UsageRefused
from vonggac.forms.make import make_form
from vonggac.ports import Store

OPENED = at("02/05/2026 09:05")
NOW = at("07/05/2026 08:00")
UNITS = (
    Agency("T1", "Tỉnh Một", Level.PROVINCE, valid_from=date(2025, 7, 1)),
    Agency("T1", "Tỉnh Một cũ", Level.PROVINCE, valid_to=date(2025, 7, 1)),
    Agency("X1", "Xã Một", Level.COMMUNE, parent="T1", contacts=("bvdl@x1.example",)),
    Agency("T2", "Tỉnh Hai", Level.PROVINCE),
)
SYSTEMS = (System("cong", "Cổng dịch vụ công", 3, "X1", domains=("dvc.mau.example",)),)


def add(
    store: Store,
    identity: str,
    happened: datetime = OPENED,
    *,
    agency: str = "X1",
    title: str = "Trang giả mạo cổng dịch vụ công",
    category: str = "phishing",
) -> str:
    opened = {"title": "Phishing", "title_vi": title, "category": category, "severity": "high"}
    part = Evidence(
        f"d-{identity}",
        "rule-1",
        "x",
        "x",
        "high",
        happened,
        happened + timedelta(hours=1),
        ("e",),
        machines=("203.0.113.9", "10.0.0.5", "1.1.1.1"),
        system="Cổng dịch vụ công",
        system_level=3,
    )
    entries = [
        Entry("o", EntryKind.OPENED, happened, happened, "correlator", opened),
        Entry("i", EntryKind.INVOLVED, happened, happened, "correlator", {"agency": agency, "role": "victim"}),
        Entry("d", EntryKind.DETECTED, happened, happened, "correlator", evidence_data(part)),
    ]
    store.incidents.append(identity, entries)
    return identity


def move(store: Store, identity: str, to: Status, hours: int, reason: str) -> None:
    instant = OPENED + timedelta(hours=hours)
    data = {"to": str(to), "reason": reason}
    store.incidents.append(identity, [Entry(f"t{hours}", EntryKind.TRANSITIONED, instant, instant, "an", data)])


@pytest.fixture
def directory(store: Store) -> Directory:
    save_agencies(store.records, UNITS)
    save_systems(store.records, SYSTEMS)
    return load_directory(store.records)


def text_of(content: bytes) -> str:
    """Every paragraph and cell, in the order of the page."""
    document = docx.Document(io.BytesIO(content))
    return "\n".join(
        "".join(node.text or "\t" for node in paragraph.iter() if node.tag.endswith(("}t", "}tab"))).replace(
            "\u00a0", " "
        )
        for paragraph in document.element.body.iter()
        if paragraph.tag.endswith("}p")
    )


def test_the_initial_report_tells_what_the_records_hold_and_dots_the_rest(store: Store, directory: Directory) -> None:
    add(store, "inc-1")
    text = text_of(make_form(store, directory, "incident-report", "inc-1", NOW))
    for wanted in (
        "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
        "Độc lập - Tự do - Hạnh phúc",
        "Mẫu số 03 (Thông tư số 20/2017/TT-BTTTT)",
        "BÁO CÁO BAN ĐẦU SỰ CỐ MẠNG",
        "XÃ MỘT",
        "Tên tổ chức/cá nhân báo cáo (*): Xã Một",
        "Cơ quan chủ quản: Tỉnh Một",
        "Tên đơn vị vận hành hệ thống thông tin (*): Xã Một",
        "☒ Cấp độ 3",
        "Trang giả mạo cổng dịch vụ công. Loại: Giả mạo, lừa đảo.",
        "Thời điểm phát hiện sự cố (*): 09:05 02/05/2026",
        "☒ Chưa được xử lý",
        "☒ Qua hệ thống phát hiện xâm nhập",
        "(chỉ địa chỉ dùng trên Internet): 1.1.1.1\n",
        "Tên miền của hệ thống: dvc.mau.example",
        "ngày 07 tháng 05 năm 2026",
    ):
        assert wanted in text, wanted
    assert "Địa chỉ (*): \t" in text and "☒ Có" not in text


def test_the_end_report_tells_the_steps_and_when_the_first_report_went(store: Store, directory: Directory) -> None:
    add(store, "inc-1")
    move(store, "inc-1", Status.CONTAINED, 5, "chặn tên miền")
    move(store, "inc-1", Status.CLOSED, 30, "đã gỡ trang")
    add_filing(store.records, Filing("f1", "incident-report", "inc-1", "X1", at("04/05/2026 10:00"), OPENED, "an"))
    text = text_of(make_form(store, directory, "end-of-response-report", "inc-1", NOW))
    assert "Mẫu số 04" in text and "Ngày gửi báo cáo ban đầu: 04/05/2026" in text
    assert "14:05 02/05/2026: Đã khoanh vùng: chặn tên miền\n15:05 03/05/2026: Đã đóng: đã gỡ trang" in text
    assert "Thời điểm kết thúc ứng phó (*): 15:05 03/05/2026" in text


def opened(store: Store, begun: str, reason: str, *, stands: bool = True, number: int = 1) -> None:
    """A person opened the duty to notify for X1, or took that back."""
    moment = OPENED + timedelta(hours=number)
    mark = Mark(f"m{number}", "personal-data-notice", "inc-1", "X1", at(begun), moment, "an", reason, stands)
    add_mark(store.records, mark)


def test_the_notice_of_a_breach_tells_what_the_person_said_and_dots_what_nobody_did(
    store: Store, directory: Directory
) -> None:
    add(store, "inc-1")
    move(store, "inc-1", Status.CONTAINED, 5, "chặn tên miền")
    opened(store, "02/05/2026 10:30", "lộ 200 hồ sơ của người nộp")
    text = text_of(make_form(store, directory, "personal-data-notice", "inc-1", NOW))
    for wanted in (
        "Mẫu số 08 (Nghị định số 356/2025/NĐ-CP)",
        "THÔNG BÁO VI PHẠM QUY ĐỊNH VỀ BẢO VỆ DỮ LIỆU CÁ NHÂN",
        "Kính gửi: Cơ quan chuyên trách bảo vệ dữ liệu cá nhân (Bộ Công an)",
        "Tên cơ quan, tổ chức: Xã Một",
        "Cơ quan chủ quản: Tỉnh Một",
        "Điện thoại, email: bvdl@x1.example",
        "Thời điểm phát hiện vi phạm: 10:30 02/05/2026",
        "Hành vi vi phạm: lộ 200 hồ sơ của người nộp",
        "Trang giả mạo cổng dịch vụ công. Loại: Giả mạo, lừa đảo.",
        "Hệ thống thông tin liên quan: Cổng dịch vụ công",
        "14:05 02/05/2026: Đã khoanh vùng: chặn tên miền",
        "Mã sự cố trong hệ thống: inc-1",
    ):
        assert wanted in text, wanted
    for dotted in (
        "Thời gian xảy ra vi phạm",
        "Địa điểm xảy ra vi phạm",
        "Loại dữ liệu cá nhân cơ bản",
        "Loại dữ liệu cá nhân nhạy cảm",
        "Số lượng dữ liệu",
        "Số lượng chủ thể dữ liệu",
        "Tên bộ phận, họ tên nhân sự hoặc tên tổ chức cung cấp dịch vụ",
        "Có thể xảy ra",
    ):
        assert f"{dotted}: \t" in text, dotted
    assert "☒" not in text and "Lý do thông báo sau 72 giờ" not in text


def test_a_breach_before_2026_is_told_in_the_form_of_its_time(store: Store, directory: Directory) -> None:
    add(store, "inc-1", at("20/12/2025 09:00"))
    opened(store, "19/12/2025 23:00", "lộ danh sách")
    text = text_of(make_form(store, directory, "personal-data-notice", "inc-1", NOW))
    assert "Mẫu số 03 (Nghị định số 13/2023/NĐ-CP)" in text
    assert "Thời gian xảy ra vi phạm: 23:00 19/12/2025" in text
    for dotted in ("Thời điểm phát hiện vi phạm", "Lý do thông báo sau 72 giờ (nếu có)"):
        assert f"{dotted}: \t" in text, dotted


def test_the_version_of_a_notice_is_that_of_the_day_on_which_the_clock_began(
    store: Store, directory: Directory
) -> None:
    add(store, "inc-1", at("02/01/2026 09:00"))
    opened(store, "31/12/2025 23:59:59", "lộ danh sách")
    assert "Mẫu số 03" in text_of(make_form(store, directory, "personal-data-notice", "inc-1", NOW))
    opened(store, "01/01/2026 00:00", "lộ danh sách", number=2)
    assert "Mẫu số 08" in text_of(make_form(store, directory, "personal-data-notice", "inc-1", NOW))


def test_a_notice_that_nobody_opened_or_that_was_taken_back_dots_act_and_time(
    store: Store, directory: Directory
) -> None:
    add(store, "inc-1")
    wanted = "Thời điểm phát hiện vi phạm: \t", "Hành vi vi phạm: \t"
    assert all(each in text_of(make_form(store, directory, "personal-data-notice", "inc-1", NOW)) for each in wanted)
    opened(store, "02/05/2026 10:30", "lộ hồ sơ")
    opened(store, "02/05/2026 10:30", "dữ liệu giả", stands=False, number=2)
    assert all(each in text_of(make_form(store, directory, "personal-data-notice", "inc-1", NOW)) for each in wanted)


def test_a_duty_whose_form_we_do_not_have_says_so(
    store: Store, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(store, "inc-1")
    formless = [replace(each, form="") for each in versions_of("incident-report")]
    monkeypatch.setattr("vonggac.forms.make.versions_of", lambda duty: formless)
    with pytest.raises(UsageRefused, match="duty_without_form"):
        make_form(store, directory, "incident-report", "inc-1", NOW)


def test_the_periodic_report_counts_what_involves_the_agency_and_those_below_it(
    store: Store, directory: Directory
) -> None:
    add(store, "inc-1")
    add(store, "inc-2", agency="T1", category="malware")
    add(store, "inc-3", agency="T1", category="information-gathering")
    add(store, "inc-4", agency="T2")
    add(store, "before", at("14/12/2025 23:59:59"), agency="T1")
    add(store, "first", at("15/12/2025 00:00"), agency="T1", category="dos")
    made = make_form(store, directory, "network-half-year", "2026-H1", NOW, agency="T1")
    (table,) = [each for each in docx.Document(io.BytesIO(made)).tables if len(each.columns) == 8]
    counts = {row.cells[1].text: row.cells[2].text for row in table.rows}
    assert counts["Từ chối dịch vụ"] == counts["Mã độc"] == counts["Giả mạo, lừa đảo"] == "1"
    assert (counts["Khác"], counts["Thay đổi giao diện"], counts["Tổng số"]) == ("1", "0", "4")
    text = text_of(made)
    assert "(từ ngày 15/12/2025 đến hết ngày 19/06/2026)" in text
    assert "Dòng 10 gồm 1 sự cố" in text and "số liệu tính đến ngày 07/05/2026" in text


def test_the_monitoring_report_lists_the_systems_of_the_agency(store: Store, directory: Directory) -> None:
    add(store, "inc-1")
    text = text_of(make_form(store, directory, "monitoring-half-year", "2026-H1", at("02/07/2026"), agency="T1"))
    for wanted in ("Phụ lục 2", "Cổng dịch vụ công", "dvc.mau.example", "(từ ngày 01/01/2026 đến hết ngày 30/06/2026)"):
        assert wanted in text, wanted
    assert "chưa kết thúc" not in text and "Tỉnh Một" in text and "Tỉnh Một cũ" not in text
    assert "Tên hệ thống, cấp độ: \t" in text_of(
        make_form(store, directory, "monitoring-half-year", "2026-H1", NOW, agency="T2")
    )


def test_the_same_records_give_the_same_bytes_and_no_time_of_the_machine(store: Store, directory: Directory) -> None:
    add(store, "inc-1")
    forms = (
        ("incident-report", "inc-1", ""),
        ("end-of-response-report", "inc-1", ""),
        ("personal-data-notice", "inc-1", ""),
        ("network-half-year", "2026-H1", "T1"),
        ("monitoring-half-year", "2026-H1", "T1"),
    )
    for duty, subject, agency in forms:
        made, again = (make_form(store, directory, duty, subject, NOW, agency=agency) for _ in range(2))
        assert made == again
        with zipfile.ZipFile(io.BytesIO(made)) as package:
            assert {part.date_time for part in package.infolist()} == {(2026, 5, 7, 8, 0, 0)}
        assert docx.Document(io.BytesIO(made)).core_properties.modified == datetime(2026, 5, 7, 1, 0, tzinfo=NOW.tzinfo)


def test_a_hostile_title_is_text_and_cannot_break_the_file(store: Store, directory: Directory) -> None:
    add(store, "inc-1", title="<w:p/>&\x00\x1b[31m\u202e" + "x" * 50_000)
    made = make_form(store, directory, "incident-report", "inc-1", NOW)
    text = text_of(made)
    assert "<w:p/>&" in text and "\x00" not in text and "\u202e" not in text and len(made) < 200_000


def test_what_has_no_form_is_refused(store: Store, directory: Directory) -> None:
    add(store, "inc-1")
    for duty, subject, agency, key in (
        ("personal-data-notice", "inc-1", "T1", "duty_agency"),
        ("incident-report", "inc-9", "", "no_such_incident"),
        ("incident-report", "inc-1", "T2", "duty_agency"),
        ("network-half-year", "2026-H2", "T1", "duty_period"),
        ("network-half-year", "2016-H1", "T1", "duty_period"),
        ("network-half-year", "2026-H1", "T9", "unknown_agency"),
        ("nothing", "inc-1", "", "unknown_duty"),
    ):
        with pytest.raises((UsageRefused, NotFound), match=key):
            make_form(store, directory, duty, subject, NOW, agency=agency)


def test_a_form_of_another_agency_is_refused(store: Store, directory: Directory) -> None:
    scope = visible_to(Principal("an", UserRole.ANALYST, "T2"), directory)
    add(store, "inc-1")
    with pytest.raises(SharingRefused):
        make_form(store, directory, "network-half-year", "2026-H1", NOW, agency="T1", scope=scope)
    with pytest.raises(NotFound):
        make_form(store, directory, "incident-report", "inc-1", NOW, scope=scope)
