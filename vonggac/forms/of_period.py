"""TT 20/2017/TT-BTTTT, Mẫu số 05 (periodic report) and TT 31/2017/TT-BTTTT, Phụ lục 2 (monitoring), from counts.

Counts are those of `stats compare`, within what involves the agency or a unit below it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from vonggac.comparison import answer_data
from vonggac.definitions import definitions
from vonggac.domain.access import Scope
from vonggac.domain.agency import Directory, System
from vonggac.domain.duty import Duty, Span
from vonggac.domain.marking import Tlp
from vonggac.domain.times import day_in_vietnam
from vonggac.forms.sheet import Block, Grid, Heading, Line, Remark, Sheet, count_text, day_text
from vonggac.ports import Store
from vonggac.statistics import answer, ask

#: The kinds of attack in the order of QĐ 05/2017/QĐ-TTg; what has none of them is counted with the last.
KINDS = (
    "dos",
    "phishing",
    "malware",
    "unauthorized-access",
    "deface",
    "ransomware",
    "sabotage",
    "espionage",
    "combined",
    "other",
)


@dataclass(frozen=True, slots=True)
class Report:
    """What a form of a period is filled in from; `body` is the JSON of `stats compare` by category."""

    span: Span
    directory: Directory
    agency: str
    duty: Duty
    now: datetime
    body: Mapping[str, Any]

    @property
    def sender(self) -> str:
        unit = self.directory.on(self.agency, self.last_day) or self.directory.latest(self.agency)
        return unit.name if unit else self.agency

    @property
    def last_day(self) -> date:
        return day_in_vietnam(self.span.last_day)

    @property
    def counts(self) -> dict[str, int]:
        return {row["key"]: row["current"] for row in self.body["rows"]}

    @property
    def systems(self) -> list[System]:
        own = self.directory.below(self.agency)
        return [each for each in self.directory.systems if each.agency in own and each.valid_on(self.last_day)]


def report_on(store: Store, directory: Directory, agency: str, duty: Duty, span: Span, now: datetime) -> Report:
    """Counts what involves the agency, or one below it, in the period, as known at the instant."""
    first, after = (day_in_vietnam(instant).isoformat() for instant in (span.start, span.end))
    question = ask(f"{first}/{after}", known_at=now.isoformat())
    own = Scope(open_to=None, own_to=Tlp.RED, agencies=directory.below(agency))
    body = answer_data(answer(store, directory, question, now=now, scope=own), "vi")
    return Report(span, directory, agency, duty, now, body)


def periodic_report(report: Report) -> Sheet:
    """Mẫu số 05."""
    return Sheet(
        sender=report.sender,
        number="Mẫu số 05",
        circular="Thông tư số 20/2017/TT-BTTTT",
        title="Báo cáo tổng hợp về hoạt động tiếp nhận và xử lý sự cố",
        under_title=_days(report),
        addressee=report.duty.addressee["vi"],
        made_at=report.now,
        signer="Người đại diện theo pháp luật",
        blocks=tuple(_periodic(report)),
    )


def monitoring_report(report: Report) -> Sheet:
    """TT 31/2017, Phụ lục 2."""
    return Sheet(
        sender=report.sender,
        number="Phụ lục 2",
        circular="Thông tư số 31/2017/TT-BTTTT",
        title="Báo cáo kết quả giám sát an toàn hệ thống thông tin",
        under_title=_days(report),
        addressee=report.duty.addressee["vi"],
        made_at=report.now,
        signer="Thủ trưởng đơn vị",
        blocks=tuple(_monitoring(report)),
    )


def _periodic(report: Report) -> Iterator[Block]:
    yield Heading("1. Số lượng sự cố và cách thức xử lý")
    header = (
        "STT",
        "Loại sự cố/tấn công mạng",
        "Số lượng",
        "Tự xử lý",
        "Có hỗ trợ của tổ chức khác",
        "Có hỗ trợ của tổ chức nước ngoài",
        "Đề nghị hỗ trợ",
        "Thiệt hại ước tính",
    )
    rows = [(*row, None, None, None, None, None) for row in _rows(report)]
    yield Grid(header, tuple(rows), (8, 25, 10, 9, 13, 13, 11, 11), total=True)
    yield from _remarks(report)
    yield Heading("2. Danh sách các tổ chức hỗ trợ xử lý sự cố")
    yield Line("Tên tổ chức, hình thức hỗ trợ", dotted=2)
    yield Heading("3. Danh sách các tổ chức nước ngoài hỗ trợ xử lý sự cố")
    yield Line("Tên tổ chức, hình thức hỗ trợ", dotted=2)
    yield Heading("4. Đề xuất, kiến nghị")
    yield Line("Nội dung", dotted=3)


def _monitoring(report: Report) -> Iterator[Block]:
    yield Heading("I. THÔNG TIN CHUNG")
    yield Line("Chủ quản hệ thống thông tin", report.sender)
    yield Line("Đơn vị thực hiện giám sát")
    yield Line("Người liên hệ, điện thoại, email")
    yield Heading("II. HỆ THỐNG THÔNG TIN ĐƯỢC GIÁM SÁT")
    if report.systems:
        systems = (
            (str(number), each.name, str(each.level), "; ".join([*each.domains, *map(str, each.networks)]) or None)
            for number, each in enumerate(report.systems, 1)
        )
        yield Grid(("STT", "Tên hệ thống", "Cấp độ", "Tên miền, vùng địa chỉ"), tuple(systems), (8, 38, 10, 44))
    else:
        yield Line("Tên hệ thống, cấp độ", dotted=2)
    yield Line("Phương thức, thiết bị giám sát", dotted=2)
    yield Heading("III. KẾT QUẢ GIÁM SÁT")
    yield Grid(("STT", "Loại sự cố/tấn công mạng", "Số lượng"), tuple(_rows(report)), (8, 70, 22), total=True)
    yield from _remarks(report)
    yield Line("Nguy cơ, điểm yếu đáng chú ý", dotted=2)
    yield Line("Biện pháp đã xử lý", dotted=2)
    yield Heading("IV. ĐỀ XUẤT, KIẾN NGHỊ")
    yield Line("Nội dung", dotted=3)


def _rows(report: Report) -> list[tuple[str | None, ...]]:
    """Number, kind, count; the total is last."""
    labels, counts = definitions(report.body["definitions"]), report.counts
    other = sum(count for key, count in counts.items() if key not in KINDS)
    shown = {key: counts.get(key, 0) + (other if key == "other" else 0) for key in KINDS}
    rows: list[tuple[str | None, ...]] = [
        (str(number), labels.label(key, "vi"), count_text(shown[key])) for number, key in enumerate(KINDS, 1)
    ]
    return [*rows, (None, "Tổng số", count_text(report.body["total"]["current"]))]


def _remarks(report: Report) -> Iterator[Remark]:
    other = sum(count for key, count in report.counts.items() if key not in KINDS)
    if other:
        yield Remark(f"Dòng 10 gồm {count_text(other)} sự cố thuộc loại khác với các loại của QĐ 05/2017/QĐ-TTg.")
    if report.now < report.span.end:
        yield Remark(f"Kỳ báo cáo chưa kết thúc: số liệu tính đến ngày {day_text(report.now)}.")
    yield Remark(
        f"Định nghĩa: {report.body['definitions']}. Mã kiểm tra số liệu: {str(report.body['digest'])[:12]}. "
        "Ô trống và dòng để chấm là thông tin không có trong hồ sơ."
    )


def _days(report: Report) -> str:
    return f"(từ ngày {day_text(report.span.start)} đến hết ngày {day_text(report.last_day)})"
