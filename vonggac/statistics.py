"""Statistics over a store: the question whole, and the comparison that the records give to it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction

from vonggac.coverage import watched_share
from vonggac.dated import in_force
from vonggac.definitions import all_definitions, definitions, period_of
from vonggac.domain.access import EVERYTHING, Scope
from vonggac.domain.agency import Agency, Directory
from vonggac.domain.definitions import Definitions
from vonggac.domain.lineage import Lineage
from vonggac.domain.states import Facts
from vonggac.domain.stats import (
    INVOLVING,
    UNKNOWN,
    By,
    Comparison,
    Count,
    Number,
    Slice,
    compare,
    counted_by,
    counted_by_parties,
    is_counted,
    measured,
    overlap_of,
)
from vonggac.domain.times import VIETNAM, Period, day_in_vietnam, parse_record_time
from vonggac.errors import UsageRefused
from vonggac.ports import StateQuery, Store

AS_THEN = "as-then"
PREVIOUS_YEAR = "previous-year"
#: Median and ninth decile.
_SHARES = (Fraction(1, 2), Fraction(9, 10))


@dataclass(frozen=True, slots=True)
class Question:
    """What `stats compare` was asked, whole: the same question of the same records has the same answer. `units` is the
    day in whose units agencies are counted; None for those of the day of each incident."""

    period: Period
    against: Period
    by: By = By.CATEGORY
    known_at: datetime | None = None
    definitions: str | None = None
    units: date | None = None


def ask(
    period: str,
    against: str = PREVIOUS_YEAR,
    by: str = "category",
    known_at: str | None = None,
    definitions: str | None = None,
    units: str = AS_THEN,
) -> Question:
    """The question that these texts put. Raises UsageRefused that names the one which is wrong."""
    current = _period(period)
    previous = current.year_before() if against == PREVIOUS_YEAR else _period(against)
    try:
        instant = parse_record_time(known_at) if known_at else None
    except ValueError as error:
        raise UsageRefused("bad_time", text=known_at) from error
    try:
        day = None if units == AS_THEN else date.fromisoformat(units)
    except ValueError as error:
        raise UsageRefused("bad_units", text=units) from error
    return Question(current, previous, By(by), instant, definitions, day)


def _period(text: str) -> Period:
    try:
        return period_of(text)
    except (ValueError, OverflowError) as error:
        raise UsageRefused("bad_period", text=text, reason=error) from error


@dataclass(frozen=True, slots=True)
class Answer:
    """`units` are the units that rows stand for, by the key of the row."""

    question: Question
    definitions: Definitions
    comparison: Comparison
    units: Mapping[str, Agency]
    now: datetime


def answer(
    store: Store, directory: Directory, question: Question, *, now: datetime, scope: Scope = EVERYTHING
) -> Answer:
    """The comparison that the store's records give within a scope. Raises UsageRefused for a period that has not begun,
    NotFound for unknown definitions."""
    for period in (question.period, question.against):
        if period.start >= now:
            raise UsageRefused("period_not_begun", text=period.text, now=now.astimezone(VIETNAM).date().isoformat())
    terms = definitions(question.definitions)
    counting = _Counting(store, directory, question, scope, terms)
    current, previous = counting.count(question.period), counting.count(question.against)
    changed = question.definitions is None and len({_in_force(p).id for p in (question.period, question.against)}) > 1
    comparison = compare(
        current,
        previous,
        counting.names(),
        time=Fraction(_length(question.period, now) / _length(question.against, now)),
        coverage=watched_share(store.records, _until(question.period, now), _until(question.against, now)),
        changed=changed,
        ordered=question.by is By.MONTH,
    )
    return Answer(question, terms, comparison, counting.units(), now)


def _in_force(period: Period) -> Definitions:
    return in_force(all_definitions(), day_in_vietnam(period.start))


def _until(period: Period, now: datetime) -> tuple[datetime, datetime]:
    """What of a period is over."""
    return period.start, min(period.end, now)


def _length(period: Period, now: datetime) -> Fraction:
    start, end = _until(period, now)
    return Fraction((end - start) // timedelta(microseconds=1))


class _Counting:
    """Counts periods of one question."""

    def __init__(
        self, store: Store, directory: Directory, question: Question, scope: Scope, terms: Definitions
    ) -> None:
        self._store = store
        self._directory = directory
        self._question = question
        self._scope = scope
        self._terms = terms
        self._lineage = Lineage(directory)
        self._rows: dict[Hashable, Agency | None] = {}

    def count(self, period: Period) -> Count:
        question = self._question
        cuts = self._cuts(period)
        tally = self._store.incidents.tally(StateQuery(period.start, period.end, question.known_at, self._scope), cuts)
        facts = [{each: n for each, n in part.items() if self._counts(each)} for part in tally.facts()]
        among = frozenset().union(*facts)
        parties = tally.parties(among) if question.by in INVOLVING else [{}] * len(facts)
        slices = [Slice(*each) for each in zip(facts, parties, strict=True)]
        total = sum(n for part in facts for n in part.values())
        rows, stranded = self._counted(slices, [period.start, *cuts])
        return Count(
            total=total,
            rows=rows,
            overlap=overlap_of(rows.values(), total) if question.by in INVOLVING else 0,
            measures=measured(slices, self._terms.weights, tally.quantiles(among, _SHARES)),
            stranded=stranded,
        )

    def _counts(self, facts: Facts) -> bool:
        return is_counted(facts, lambda category: self._terms.row_of(category) is not None)

    def _cuts(self, period: Period) -> list[datetime]:
        """Where the units or the month change within a period."""
        if self._question.by is By.MONTH:
            return _months_within(period)
        if self._question.by not in INVOLVING:
            return []
        days = {day for unit in self._directory.agencies for day in (unit.valid_from, unit.valid_to) if day}
        instants = sorted(datetime.combine(day, datetime.min.time(), VIETNAM) for day in days)
        return [instant for instant in instants if period.start < instant < period.end]

    def _counted(self, slices: Sequence[Slice], starts: Sequence[datetime]) -> tuple[Mapping[Hashable, Number], int]:
        """The rows of one period, and how many involvements in them could not be carried to the units asked for."""
        by = self._question.by
        if by in INVOLVING:
            return self._counted_by_units(slices, [day_in_vietnam(start) for start in starts])
        if by is By.NONE:
            return {}, 0
        keys: Mapping[By, Callable[[Facts, int], Hashable]] = {
            By.CATEGORY: lambda facts, _: self._terms.row_of(facts.category),
            By.SEVERITY: lambda facts, _: facts.severity,
            By.CAUSE: lambda facts, _: facts.cause,
            By.MONTH: lambda _, place: self._month(place),
        }
        return counted_by(slices, keys[by]), 0

    def _month(self, place: int) -> str:
        """The month of the current period that stands at this place of either period, as `2020-04`."""
        months = self._question.period.start.astimezone(VIETNAM)
        year, month = divmod(months.year * 12 + months.month - 1 + place, 12)
        return f"{year}-{month + 1:02d}"

    def _counted_by_units(self, slices: Sequence[Slice], days: Sequence[date]) -> tuple[Mapping[Hashable, Number], int]:
        stranded = 0
        known: dict[tuple[str, int], list[tuple[Hashable, Fraction]]] = {}
        lost: set[tuple[str, int]] = set()

        def shares(code: str, place: int) -> Sequence[tuple[Hashable, Fraction]]:
            found = known.get((code, place))
            if found is None:
                target = self._question.units or days[place]
                parts = self._lineage.in_units_of(code, days[place], target)
                found = known[code, place] = [(self._row(part.unit, part.code), part.share) for part in parts]
                if not all(part.known for part in parts):
                    lost.add((code, place))
            return found

        rows = counted_by_parties(slices, shares)
        for place, part in enumerate(slices):
            for parties, count in part.parties.items():
                stranded += count * sum((code, place) in lost for code in {each.agency for each in parties})
        return rows, stranded

    def _row(self, unit: Agency | None, code: str) -> Hashable:
        if self._question.by is By.LEVEL:
            return str(unit.level) if unit else UNKNOWN
        row: Hashable = unit.key if unit else code
        self._rows[row] = unit
        return row

    def names(self) -> dict[Hashable, str]:
        """The keys that rows are shown under: a unit's code, or for an earlier life of the code that with the day on
        which it began."""
        return {row: self._name(unit) for row, unit in self._rows.items() if unit is not None}

    def units(self) -> dict[str, Agency]:
        return {self._name(unit): unit for unit in self._rows.values() if unit is not None}

    def _name(self, unit: Agency) -> str:
        last = self._directory.latest(unit.code)
        return unit.code if last is None or last.key == unit.key else f"{unit.code}@{unit.valid_from.isoformat()}"


def _months_within(period: Period) -> list[datetime]:
    local = period.start.astimezone(VIETNAM)
    found: list[datetime] = []
    year, month = local.year, local.month
    while True:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        instant = datetime(year, month, 1, tzinfo=VIETNAM)
        if instant >= period.end:
            return found
        found.append(instant)
