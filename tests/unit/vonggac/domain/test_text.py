import unicodedata

from vonggac.domain.text import fold, nfc, sort_key


def test_a_search_without_marks_finds_marked_text() -> None:
    assert fold("Đà Nẵng") == "da nang"
    assert fold("TẤN CÔNG từ chối dịch vụ") == "tan cong tu choi dich vu"


def test_both_normal_forms_fold_alike() -> None:
    decomposed = unicodedata.normalize("NFD", "Thừa Thiên Huế")
    assert fold(decomposed) == fold("Thừa Thiên Huế")
    assert nfc(decomposed) == "Thừa Thiên Huế"


def test_provinces_sort_as_a_vietnamese_dictionary_sorts_them() -> None:
    names = ["Đà Nẵng", "Điện Biên", "Cà Mau", "Cao Bằng", "An Giang", "Đắk Lắk", "Hà Nội", "Huế", "Hải Phòng", "Ăn"]
    ordered = sorted(names, key=sort_key)
    assert ordered.index("An Giang") < ordered.index("Ăn") < ordered.index("Cà Mau")
    assert ordered.index("Cà Mau") < ordered.index("Cao Bằng")
    assert ordered.index("Đà Nẵng") < ordered.index("Đắk Lắk") < ordered.index("Điện Biên") < ordered.index("Hà Nội")


def test_tones_break_ties_in_their_order() -> None:
    assert sorted(["mạ", "má", "mã", "mả", "mà", "ma"], key=sort_key) == ["ma", "mà", "mả", "mã", "má", "mạ"]
