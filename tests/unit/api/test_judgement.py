"""Why an incident is of its kind and severity, as its page tells it in both languages."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from api.pages.history import lines
from api.pages.judgement import because, class_line, grounds, question_line, severity_line
from api.pages.words import Words
from tests.unit.correlator.test_incidents import acted, detection, hit, opened
from vonggac.dated import kind_maps
from vonggac.domain.agency import Directory
from vonggac.domain.detection import Severity
from vonggac.domain.fold import fold
from vonggac.domain.incident import CORRELATOR, Entry, EntryKind
from vonggac.domain.severity import Grounds, Rating, rating_data
from vonggac.messages import LANGUAGES, catalogue

VI, EN = (Words(lang, Directory()) for lang in ("vi", "en"))


@pytest.mark.parametrize(
    ("found", "vi", "en"),
    [
        (Grounds("high"), "luật mức cao", "rule: high"),
        (
            Grounds("high", "Cổng", 4, 12, 2),
            "luật mức cao, hệ thống Cổng cấp độ 4, 12 máy, 2 cơ quan",
            "rule: high, system Cổng of level 4, 12 machines, 2 agencies",
        ),
        (Grounds("low", machines=1, agencies=1), "luật mức thấp", "rule: low"),
    ],
)
def test_grounds_name_what_raised_the_severity(found: Grounds, vi: str, en: str) -> None:
    assert (grounds(found, VI), grounds(found, EN)) == (vi, en)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_reason_a_map_can_give_has_its_words(lang: str) -> None:
    signs = [(kinds, sign) for kinds in kind_maps() for row in kinds.rows for sign in row.signs]
    reasons = {kinds.classify("", "", (sign,)).because for kinds, sign in signs}
    for reason in {*reasons, "rule", "nothing", "person"}:
        said = because(reason, "m", Words(lang, Directory()))
        assert f"console.because.{reason.partition(' ')[0]}" in catalogue(lang)
        assert not said.startswith("console.")


def test_what_was_opened_long_ago_or_elsewhere_gives_no_reason() -> None:
    incident = fold("i", [Entry("o", EntryKind.OPENED, *_TIMES, "import", {"title": "x"})])
    assert incident is not None
    assert [line(incident, EN) for line in (class_line, severity_line, question_line)] == ["", "", ""]


_TIMES = (detection().start, detection().end)


def test_a_persons_word_is_told_as_theirs() -> None:
    incident = acted(acted(opened(hit(0)), EntryKind.RATED, severity="low"), EntryKind.CATEGORISED, category="combined")
    assert (severity_line(incident, VI), class_line(incident, EN)) == ("do lan", "by lan")


def _told(entries: Sequence[Entry], words: Words) -> list[str]:
    return [line.text for line in lines(entries, words, {})]


def _by_correlator(kind: EntryKind, **data: object) -> Entry:
    return Entry("e", kind, *_TIMES, CORRELATOR, data)


_SEEN = rating_data(Rating(Severity.HIGH, Grounds("high", "Cổng", 4, 12, 1), "t"))
_CLASSED = {"category": "malware", "rsit": "malicious-code", "because": "technique T1071", "map": "m"}


@pytest.mark.parametrize(
    ("entry", "vi", "en"),
    [
        (
            _by_correlator(EntryKind.RATED, **_SEEN),
            "mức độ: Cao (luật mức cao, hệ thống Cổng cấp độ 4, 12 máy)",
            "severity: High (rule: high, system Cổng of level 4, 12 machines)",
        ),
        (
            _by_correlator(EntryKind.RATED, **_SEEN, kept_by="lan"),
            "tính ra mức độ Cao (luật mức cao, hệ thống Cổng cấp độ 4, 12 máy); giữ quyết định của lan",
            "reckons severity High (rule: high, system Cổng of level 4, 12 machines); what lan decided stays",
        ),
        (
            _by_correlator(EntryKind.CATEGORISED, **_CLASSED),
            "xếp loại: Mã độc, malicious-code, theo kỹ thuật ATT&CK T1071 (m)",
            "category: Malware, malicious-code, by ATT&CK technique T1071 (m)",
        ),
        (
            _by_correlator(EntryKind.CATEGORISED, **_CLASSED, kept_by="lan"),
            "thấy loại Mã độc, malicious-code, theo kỹ thuật ATT&CK T1071 (m); giữ quyết định của lan",
            "found category Malware, malicious-code, by ATT&CK technique T1071 (m); what lan decided stays",
        ),
        (
            _by_correlator(EntryKind.TRANSITIONED, to="reopened", detection="d9", title="Scan", title_vi="Quét"),
            "mở lại, vì lại phát hiện sau khi đóng: Quét (phát hiện d9)",
            "reopened, as it was detected again after the closing: Scan (detection d9)",
        ),
    ],
)
def test_the_history_says_what_the_correlator_decided_and_why(entry: Entry, vi: str, en: str) -> None:
    assert _told([entry], VI) == [vi]
    assert _told([entry], EN) == [en]
