"""The notice of a personal-data breach: NĐ 13/2023/NĐ-CP, Điều 23 with Mẫu số 03, and since 2026-01-01 NĐ
356/2025/NĐ-CP, Điều 28 with Mẫu số 08, under Luật 91/2025/QH15, Điều 23.

Both ask for the same: what the breach is (time, place, act, who, kinds and number of data), who protects the data and
how to reach them, the consequences, the measures. docs/duties.md says what of the words here is still to be held
against the gazette.
"""

from __future__ import annotations

from collections.abc import Iterator

from vonggac.forms.of_incident import Case, above, description, steps
from vonggac.forms.sheet import Block, Heading, Line, Remark, Sheet, Ticks, joined, time_text

_PARTS = (
    "Bên kiểm soát dữ liệu cá nhân",
    "Bên kiểm soát và xử lý dữ liệu cá nhân",
    "Bên xử lý dữ liệu cá nhân",
    "Bên thứ ba",
)
_DOTTED = "Dòng để chấm là thông tin không có trong hồ sơ, do cơ quan thông báo điền."


def notice_of_2023(case: Case) -> Sheet:
    """NĐ 13/2023/NĐ-CP, Mẫu số 03: the 72 hours run from when the breach happened; who is late says why (Điều 23.1)."""
    late = Line("Lý do thông báo sau 72 giờ (nếu có)")
    return _sheet(case, "Mẫu số 03", "Nghị định số 13/2023/NĐ-CP", (*_notice(case, happened=_begun(case)), late))


def notice_of_2025(case: Case) -> Sheet:
    """NĐ 356/2025/NĐ-CP, Mẫu số 08: the 72 hours run from when the breach was found (Luật 91/2025/QH15, Điều 23.1)."""
    return _sheet(case, "Mẫu số 08", "Nghị định số 356/2025/NĐ-CP", tuple(_notice(case, found=_begun(case))))


def _sheet(case: Case, number: str, decree: str, blocks: tuple[Block, ...]) -> Sheet:
    end = (
        Line("Thời gian lập thông báo", time_text(case.now)),
        Line("Mã sự cố trong hệ thống", case.incident.id),
        Remark(_DOTTED),
    )
    return Sheet(
        sender=case.sender,
        number=number,
        circular=decree,
        title="Thông báo vi phạm quy định về bảo vệ dữ liệu cá nhân",
        under_title="",
        addressee=case.duty.addressee["vi"],
        made_at=case.now,
        signer="Đại diện cơ quan, tổ chức",
        blocks=(*blocks, *end),
    )


def _begun(case: Case) -> str | None:
    """When the law's clock began, as the person said who opened the duty; None where nobody did."""
    return time_text(case.mark.at) if case.mark else None


def _notice(case: Case, *, happened: str | None = None, found: str | None = None) -> Iterator[Block]:
    yield Heading("I. CƠ QUAN, TỔ CHỨC THÔNG BÁO")
    yield Line("Tên cơ quan, tổ chức", case.sender)
    yield Line("Cơ quan chủ quản", above(case))
    yield Line("Địa chỉ")
    yield Line("Điện thoại, email", joined(case.unit.contacts if case.unit else ()))
    yield Line("Người thực hiện thông báo (họ tên, chức vụ)")
    yield Ticks("Vai trò", _PARTS)
    yield Heading("II. TÍNH CHẤT CỦA VI PHẠM")
    yield Line("Thời gian xảy ra vi phạm", happened)
    yield Line("Thời điểm phát hiện vi phạm", found)
    yield Line("Địa điểm xảy ra vi phạm")
    yield Line("Hành vi vi phạm", case.mark.reason if case.mark else None, dotted=2)
    yield Line("Tổ chức, cá nhân liên quan", dotted=2)
    yield Line("Sự cố an toàn thông tin mạng liên quan", description(case.incident))
    yield Line("Hệ thống thông tin liên quan", joined(case.incident.systems))
    yield Line("Loại dữ liệu cá nhân cơ bản", dotted=2)
    yield Line("Loại dữ liệu cá nhân nhạy cảm", dotted=2)
    yield Line("Số lượng dữ liệu")
    yield Line("Số lượng chủ thể dữ liệu")
    yield Heading("III. BỘ PHẬN, NHÂN SỰ BẢO VỆ DỮ LIỆU CÁ NHÂN")
    yield Line("Tên bộ phận, họ tên nhân sự hoặc tên tổ chức cung cấp dịch vụ")
    yield Line("Điện thoại, email của bộ phận, nhân sự này")
    yield Heading("IV. HẬU QUẢ, THIỆT HẠI")
    yield Line("Đã xảy ra", dotted=2)
    yield Line("Có thể xảy ra", dotted=2)
    yield Heading("V. BIỆN PHÁP GIẢI QUYẾT, GIẢM THIỂU TÁC HẠI")
    yield from steps(case.history)
    yield Line("Biện pháp khác đã và sẽ áp dụng", dotted=3)
