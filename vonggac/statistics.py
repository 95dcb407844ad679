"""Statistics over a store: the question whole, and the comparison that the records give to it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import cache
from itertools import pairwise

from vonggac.as_known import instant_of
from vonggac.connected import sensor_agencies
from vonggac.dated import in_force
from vonggac.definitions import all_definitions, definitions, period_of
from vonggac.domain.access import EVERYTHING, Scope
from vonggac.domain.agency import Agency, Directory
from vonggac.domain.covered import Coverage
from vonggac.domain.definitions import Definitions
from vonggac.domain.lineage import Lineage
from vonggac.domain.states import Agencies, Facts
from vonggac.domain.stats import (
    INVOLVING,
    UNKNOWN,
    By,
    Comparison,
    Count,
    Number,
    Shares,
    Slice,
    compare,
    counted_by,
    counted_by_agencies,
    is_counted,
    measured,
    overlap_of,
    shares_of,
)
from vonggac.domain.times import VIETNAM, Period, day_in_vietnam
from vonggac.errors import UsageRefused
from vonggac.ports import Counted, StateQuery, Store
from vonggac.watching import Watched, watched_in

AS_THEN = "as-then"
PREVIOUS_YEAR = "previous-year"
#: The key of the row that counts every incident.
TOTAL = "total"
_PAGE = 1_000
_Span = tuple[datetime, datetime]
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
    current = period_named(period)
    previous = _year_before(current) if against == PREVIOUS_YEAR else period_named(against)
    try:
        day = None if units == AS_THEN else date.fromisoformat(units)
    except ValueError as error:
        raise UsageRefused("bad_units", text=units) from error
    return Question(current, previous, By(by), instant_of(known_at), definitions, day)


def _year_before(period: Period) -> Period:
    try:
        return period.year_before()
    except ValueError as error:
        raise UsageRefused("no_year_before", text=period.text, reason=error) from error


def period_named(text: str) -> Period:
    """A period as people write it, or a reporting year (`definitions.period_of`). Raises UsageRefused."""
    try:
        return period_of(text)
    except (ValueError, OverflowError) as error:
        raise UsageRefused("bad_period", text=text, reason=error) from error


@dataclass(frozen=True, slots=True)
class Answer:
    """`units` are the units that rows stand for, by the key of the row; `systems` how many information systems there
    were at the end of each period, which incidents can be set against; `over` up to when the period is reckoned with:
    its end or, where it was not over, the instant whose records count; `whole` whether every agency's incidents were
    counted, and not only those that a reader may see."""

    question: Question
    definitions: Definitions
    comparison: Comparison
    units: Mapping[str, Agency]
    systems: tuple[int, int]
    now: datetime
    over: datetime
    whole: bool


def answer(
    store: Store, directory: Directory, question: Question, *, now: datetime, scope: Scope = EVERYTHING
) -> Answer:
    """The comparison that the store's records give within a scope; what they will say later is not known, so an instant
    that is still to come is now. Raises UsageRefused for a period that has not begun, NotFound for unknown
    definitions."""
    if question.known_at is not None and question.known_at > now:
        question = replace(question, known_at=now)
    for period in (question.period, question.against):
        if period.start >= now:
            raise UsageRefused("period_not_begun", text=period.text, now=now.astimezone(VIETNAM).date().isoformat())
    terms = definitions(question.definitions)
    counting = _Counting(store, directory, question, scope, terms)
    with ThreadPoolExecutor(2) as both:  # while one is read, the other is counted
        current, previous = both.map(counting.count, (question.period, question.against))
    over, over_before = (_over(period, question, now) for period in (question.period, question.against))
    watched = watched_in(store.records, over, over_before)
    comparison = compare(
        current,
        previous,
        counting.names(),
        time=_length(over) / _length(over_before),
        coverage=watched.coverage(),
        coverage_of=counting.coverage_of(watched),
        hindrance=_hindrance(question),
        ordered=question.by is By.MONTH,
    )
    systems = _systems(directory, over), _systems(directory, over_before)
    return Answer(
        question=question,
        definitions=terms,
        comparison=comparison,
        units=counting.units(),
        systems=systems,
        now=now,
        over=over[1],
        whole=scope.agencies is None,
    )


def _systems(directory: Directory, over: _Span) -> int:
    """How many systems were there at the end, without those of units that stand in no denominator."""
    day = day_in_vietnam(over[1] - timedelta(microseconds=1))
    owners = ((each, directory.on(each.agency, day)) for each in directory.systems if each.valid_on(day))
    return sum(owner is None or not owner.outside_scope for _, owner in owners)


def _hindrance(question: Question) -> str | None:
    """Why the periods cannot be compared, whatever is counted in them."""
    periods = question.period, question.against
    if question.definitions is None and len({_in_force(period).id for period in periods}) > 1:
        return "definitions-changed"
    if question.known_at is not None and any(question.known_at <= period.start for period in periods):
        return "not-begun-then"
    return None


def _in_force(period: Period) -> Definitions:
    return in_force(all_definitions(), day_in_vietnam(period.start))


def _over(period: Period, question: Question, now: datetime) -> _Span:
    """What of a period was over at the instant whose records count: nobody knew of more. Where it had not begun then,
    what is over now."""
    known = question.known_at
    return period.start, min(period.end, known if known is not None and known > period.start else now)


def _length(span: _Span) -> Fraction:
    start, end = span
    return Fraction((end - start) // timedelta(microseconds=1))


def cell(
    store: Store, directory: Directory, question: Question, key: str, period: Period, *, scope: Scope = EVERYTHING
) -> Iterator[Counted]:
    """Every incident that stands in the row of that key (`total`: in any) of one of the question's periods, the oldest
    first."""
    return _Counting(store, directory, question, scope, definitions(question.definitions)).cell(period, key)


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
        agencies = tally.agencies(among) if question.by in INVOLVING else [{}] * len(facts)
        slices = [Slice(*each) for each in zip(facts, agencies, strict=True)]
        total = sum(n for part in facts for n in part.values())
        rows, stranded = self._counted(slices, [period.start, *cuts])
        return Count(
            total=total,
            rows=rows,
            overlap=overlap_of(rows.values(), total) if question.by in INVOLVING else 0,
            measures=measured(slices, self._terms.weights, tally.quantiles(among, _SHARES)),
            stranded=stranded,
        )

    def cell(self, period: Period, key: str) -> Iterator[Counted]:
        question, cuts = self._question, self._cuts(period)
        starts = [period.start, *cuts]
        for place, (start, end) in enumerate(pairwise((*starts, period.end))):
            query = StateQuery(start, end, question.known_at, self._scope)
            tally = self._store.incidents.tally(query)
            among = {each for each in tally.facts()[0] if self._counts(each)}
            agencies: frozenset[Agencies] | None = None
            if key != TOTAL and question.by in INVOLVING:
                shares = self._shares([day_in_vietnam(each) for each in starts], set())
                held = tally.agencies(among)[0]
                agencies = frozenset(each for each in held if key in self._keys(shares_of(each, place, shares)))
            elif key != TOTAL:
                among = {each for each in among if self._key(each, place) == key}
            yield from self._all(query, among, agencies)

    def _keys(self, rows: Iterable[Hashable]) -> set[str]:
        names = self.names()
        return {names.get(row, str(row)) for row in rows}

    def _all(self, query: StateQuery, among: Set[Facts], agencies: Set[Agencies] | None) -> Iterator[Counted]:
        cursor: str | None = None
        while among and (agencies is None or agencies):
            page = self._store.incidents.counted_in(query, among, agencies, limit=_PAGE, cursor=cursor)
            yield from page.items
            cursor = page.next
            if cursor is None:
                return

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
        if self._question.by in INVOLVING:
            return self._counted_by_units(slices, [day_in_vietnam(start) for start in starts])
        return counted_by(slices, self._key) if self._question.by is not By.NONE else {}, 0

    def _key(self, facts: Facts, place: int) -> Hashable:
        """The row of an incident that counts by these facts in the slice of that place."""
        match self._question.by:
            case By.CATEGORY:
                return self._terms.row_of(facts.category)
            case By.SEVERITY:
                return facts.severity
            case By.CAUSE:
                return facts.cause
        return self._month(place)

    def _month(self, place: int) -> str:
        """The month of the current period that stands at this place of either period, as `2020-04`."""
        months = self._question.period.start.astimezone(VIETNAM)
        year, month = divmod(months.year * 12 + months.month - 1 + place, 12)
        return f"{year}-{month + 1:02d}"

    def _counted_by_units(self, slices: Sequence[Slice], days: Sequence[date]) -> tuple[Mapping[Hashable, Number], int]:
        lost: set[tuple[str, int]] = set()
        rows = counted_by_agencies(slices, self._shares(days, lost))
        stranded = 0
        for place, part in enumerate(slices if lost else ()):
            for agencies, count in part.agencies.items():
                stranded += count * sum((code, place) in lost for code in agencies)
        return rows, stranded

    def _shares(self, days: Sequence[date], lost: set[tuple[str, int]]) -> Shares:
        """Of an agency's code and the place of a slice, which begins on one of the days: the rows it stands in. Those
        that could not be carried to the units asked for are put into `lost`."""

        @cache
        def shares(code: str, place: int) -> Sequence[tuple[Hashable, Number]]:
            target = self._question.units or days[place]
            parts = self._lineage.in_units_of(code, days[place], target)
            if not all(part.known for part in parts):
                lost.add((code, place))
            return [(self._row(each.unit, each.code), 1 if each.share == 1 else each.share) for each in parts]

        return shares

    def _row(self, unit: Agency | None, code: str) -> Hashable:
        if self._question.by is By.LEVEL:
            return str(unit.level) if unit else UNKNOWN
        row: Hashable = unit.key if unit else code
        self._rows[row] = unit
        return row

    def coverage_of(self, watched: Watched) -> Callable[[Hashable], Coverage | None]:
        """Of the row of a unit, how well its own sensors and services, and those of the units below it and of those
        that are counted as it, were watched; None where it has no sensor on record."""
        sensors: dict[str, list[str]] = {}
        for name, agency in sensor_agencies(self._store.records).items():
            sensors.setdefault(agency, []).append(name)
        systems: dict[str, list[str]] = {}
        for system in self._directory.systems:
            systems.setdefault(system.agency, []).append(system.code)

        carried = self._carried() if sensors else {}

        def coverage(row: Hashable) -> Coverage | None:
            unit = self._rows.get(row)
            tops = {unit.code, *carried.get(unit.key, ())} if unit and sensors else ()
            codes = {code for top in tops for code in self._directory.below(top)}
            own, services = ([name for code in codes for name in names.get(code, ())] for names in (sensors, systems))
            found = watched.coverage(own, services) if own else None
            return found if found and found.sensors.current is not None else None

        return coverage

    def _carried(self) -> Mapping[tuple[str, date], set[str]]:
        """Of the units asked for, by key, the codes whose matters of either period's first day they have."""
        found: dict[tuple[str, date], set[str]] = {}
        target = self._question.units
        if target is None:
            return found
        days = [day_in_vietnam(period.start) for period in (self._question.period, self._question.against)]
        for unit in self._directory.agencies:
            for part in self._lineage.parts(unit, target) if any(map(unit.valid_on, days)) else ():
                if part.unit is not None and part.known:
                    found.setdefault(part.unit.key, set()).add(unit.code)
        return found

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
