"""TT 20/2017/TT-BTTTT, Mẫu số 03 (initial report) and Mẫu số 04 (end of response), from an incident's records.

The forms are Vietnamese; docs/duties.md says which of their words are still to be held against the gazette.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address

from vonggac.definitions import definitions
from vonggac.domain.agency import SYSTEM_LEVELS, Agency, Directory, Level, System
from vonggac.domain.duty import Duty, Filing, Mark
from vonggac.domain.incident import Entry, EntryKind, Incident, Status
from vonggac.domain.times import day_in_vietnam
from vonggac.forms.sheet import Block, Heading, Line, Remark, Sheet, Ticks, count_text, day_text, joined, time_text
from vonggac.messages import say

CIRCULAR = "Thông tư số 20/2017/TT-BTTTT"
_HANDLED, _OPEN = "Đã được xử lý", "Chưa được xử lý"
_BY_DETECTION = "Qua hệ thống phát hiện xâm nhập"
#: The response is over in these.
_OVER = frozenset({Status.ERADICATED, Status.CLOSED})
_MANDATORY = "(*) là thông tin bắt buộc. Dòng để chấm là thông tin không có trong hồ sơ, do người báo cáo điền."


@dataclass(frozen=True, slots=True)
class Case:
    """What a form of an incident is filled in from; `first_filing` is that of the initial report, `mark` what the
    person said who opened the duty for the agency, each if any."""

    incident: Incident
    history: Sequence[Entry]
    directory: Directory
    agency: str
    duty: Duty
    now: datetime
    first_filing: Filing | None = None
    mark: Mark | None = None

    @property
    def unit(self) -> Agency | None:
        return self.directory.latest(self.agency)

    @property
    def sender(self) -> str:
        return self.unit.name if self.unit else self.agency

    @property
    def systems(self) -> list[System]:
        """Those in evidence that the directory knows, on the day of the incident."""
        day = day_in_vietnam(self.incident.first_at)
        return [each for each in self.directory.systems if each.name in self.incident.systems and each.valid_on(day)]


def initial_report(case: Case) -> Sheet:
    """Mẫu số 03."""
    return _sheet(case, "Mẫu số 03", "Báo cáo ban đầu sự cố mạng", tuple(_initial(case)))


def end_report(case: Case) -> Sheet:
    """Mẫu số 04."""
    return _sheet(case, "Mẫu số 04", "Báo cáo kết thúc ứng phó sự cố", tuple(_end(case)))


def _sheet(case: Case, number: str, title: str, blocks: tuple[Block, ...]) -> Sheet:
    return Sheet(
        sender=case.sender,
        number=number,
        circular=CIRCULAR,
        title=title,
        under_title="",
        addressee=case.duty.addressee["vi"],
        made_at=case.now,
        signer="Cá nhân/Người đại diện theo pháp luật",
        blocks=blocks,
    )


def _initial(case: Case) -> Iterator[Block]:
    incident = case.incident
    yield from _reporter(case)
    yield Heading("THÔNG TIN CHUNG VỀ SỰ CỐ")
    yield from _system(case)
    yield Line("Tổ chức cung cấp dịch vụ an toàn thông tin (nếu có)")
    yield Line("Nhà cung cấp dịch vụ kết nối bên ngoài (nếu có)")
    yield Line("Mô tả sơ bộ về sự cố (*)", description(incident))
    yield Line("Thời điểm phát hiện sự cố (*)", time_text(incident.opened_at))
    yield Ticks("Hiện trạng sự cố (*)", (_HANDLED, _OPEN), frozenset({_HANDLED if _is_over(incident) else _OPEN}))
    found = frozenset({_BY_DETECTION}) if incident.evidence else frozenset()
    yield Heading("CÁCH THỨC PHÁT HIỆN (*)")
    yield Ticks("", (_BY_DETECTION, "Kiểm tra dữ liệu lưu lại (Log File)"), found)
    yield Line("☐ Nhận được thông báo từ")
    yield Line("☐ Khác, đó là")
    yield Heading("ĐÃ GỬI THÔNG BÁO SỰ CỐ CHO (*)")
    yield Ticks("", ("Thành viên mạng lưới chịu trách nhiệm ứng cứu", "Cơ quan điều phối quốc gia"))
    yield Heading("THÔNG TIN BỔ SUNG VỀ HỆ THỐNG XẢY RA SỰ CỐ")
    yield Line("Hệ điều hành, phiên bản")
    yield Ticks("Dịch vụ có trên hệ thống", ("Web server", "Mail server", "Database server", "Khác"))
    yield Ticks("Biện pháp an toàn thông tin đã triển khai", ("Antivirus", "Firewall", "Phát hiện xâm nhập", "Khác"))
    yield Line("Địa chỉ IP của hệ thống (chỉ địa chỉ dùng trên Internet)", joined(_public(incident.machines)))
    yield Line("Tên miền của hệ thống", joined(sorted({name for each in case.systems for name in each.domains})))
    yield Line("Mục đích chính sử dụng hệ thống")
    yield Ticks("Thông tin gửi kèm", ("Nhật ký hệ thống", "Mẫu virus/mã độc", "Khác"))
    yield Ticks("Thông tin cung cấp phải được giữ bí mật", ("Có", "Không"))
    yield Heading("KIẾN NGHỊ, ĐỀ XUẤT HỖ TRỢ")
    yield Line("Mô tả đề xuất, kiến nghị", dotted=2)
    yield Line("Thời gian thực hiện báo cáo sự cố (*)", time_text(case.now))
    yield Line("Mã sự cố trong hệ thống", incident.id)
    yield Remark(_MANDATORY)


def _end(case: Case) -> Iterator[Block]:
    incident, filing = case.incident, case.first_filing
    yield from _reporter(case)
    yield Heading("THÔNG TIN CHUNG VỀ SỰ CỐ")
    yield from _system(case)
    yield Line("Mô tả về sự cố (*)", description(incident))
    yield Line("Thời điểm phát hiện sự cố (*)", time_text(incident.opened_at))
    yield Line("Ngày gửi báo cáo ban đầu", day_text(filing.at) if filing else None)
    yield Line("Thời điểm kết thúc ứng phó (*)", time_text(incident.closed_at))
    yield Heading("QUÁ TRÌNH VÀ KẾT QUẢ ỨNG PHÓ (*)")
    done = list(steps(case.history))
    yield from done
    if not done:
        yield Line("Các bước đã thực hiện", dotted=2)
    yield Line("Nguyên nhân", dotted=2)
    machines = len(incident.machines)
    yield Line("Số máy bị ảnh hưởng", count_text(machines) if machines else None)
    yield Line("Thiệt hại, ảnh hưởng", dotted=2)
    yield Line("Biện pháp khắc phục và phòng ngừa", dotted=2)
    yield Line("Tài liệu gửi kèm")
    yield Heading("KIẾN NGHỊ, ĐỀ XUẤT")
    yield Line("Mô tả đề xuất, kiến nghị", dotted=2)
    yield Line("Thời gian thực hiện báo cáo (*)", time_text(case.now))
    yield Line("Mã sự cố trong hệ thống", incident.id)
    yield Remark(_MANDATORY)


def _reporter(case: Case) -> Iterator[Block]:
    yield Heading("THÔNG TIN VỀ TỔ CHỨC/CÁ NHÂN BÁO CÁO SỰ CỐ")
    yield Line("Tên tổ chức/cá nhân báo cáo (*)", case.sender)
    for label in ("Địa chỉ (*)", "Điện thoại, email (*)"):
        yield Line(label)
    yield Heading("NGƯỜI LIÊN HỆ")
    for label in ("Họ và tên, chức vụ (*)", "Điện thoại, email (*)"):
        yield Line(label)


def _system(case: Case) -> Iterator[Block]:
    owners = [case.directory.latest(code) for code in sorted({each.agency for each in case.systems})]
    yield Line("Tên đơn vị vận hành hệ thống thông tin (*)", joined([unit.name for unit in owners if unit]))
    yield Line("Cơ quan chủ quản", above(case))
    yield Line("Tên hệ thống bị sự cố", joined(case.incident.systems))
    level = case.incident.system_level
    options = tuple(f"Cấp độ {each}" for each in SYSTEM_LEVELS)
    yield Ticks("Cấp độ (nếu có)", options, frozenset({f"Cấp độ {level}"} if level else ()))


def above(case: Case) -> str | None:
    """The nearest ministry or province at or above the agency."""
    unit, seen = case.unit, set[str]()
    while unit is not None and unit.code not in seen:
        if unit.level in (Level.MINISTRY, Level.PROVINCE):
            return unit.name
        seen.add(unit.code)
        unit = case.directory.latest(unit.parent) if unit.parent else None
    return None


def description(incident: Incident) -> str:
    """What happened, of which kind, how severe, from when to when."""
    kind = definitions().label(incident.category, "vi")
    span = f"từ {time_text(incident.first_at)} đến {time_text(incident.last_at)}"
    severity = say("vi", f"console.severity.{incident.severity}").lower()
    return f"{incident.title_vi or incident.title}. Loại: {kind}. Mức độ: {severity}. Diễn ra {span}."


def _is_over(incident: Incident) -> bool:
    return incident.status in _OVER


def _public(machines: frozenset[str]) -> list[str]:
    found = []
    for text in machines:
        try:
            address = ip_address(text)
        except ValueError:
            continue
        if address.is_global:
            found.append(address)
    return [str(each) for each in sorted(found, key=lambda each: (each.version, int(each)))]


def steps(history: Sequence[Entry]) -> Iterator[Line]:
    """What was done when, of the acts that still count: each change of status with its reason."""
    gone = {str(entry.data["entry"]) for entry in history if entry.kind is EntryKind.UNDONE}
    for entry in history:
        if entry.kind is EntryKind.TRANSITIONED and entry.id not in gone:
            status, reason = say("vi", f"console.status.{entry.data['to']}"), str(entry.data.get("reason", ""))
            yield Line(str(time_text(entry.happened_at)), f"{status}{': ' + reason if reason else ''}")
