"""What the pipeline asks: is this detection held back?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from vonggac.domain.agency import Directory
from vonggac.domain.detection import Detection
from vonggac.domain.suppression import Suppressions
from vonggac.ports import RecordStore
from vonggac.suppressions.kept import changes, load_suppressions


class Suppressor:
    """What holds a detection back, as the store says at that moment. The list is read when it has changed only."""

    def __init__(self, records: RecordStore, directory: Callable[[], Directory]) -> None:
        self._records = records
        self._directory = directory
        self._known_directory = Directory()
        self._version = 0
        self._suppressions = Suppressions((), self._codes_below)

    @property
    def ever(self) -> bool:
        """Whether there is, or ever was, a suppression."""
        return self._version > 0

    def marked(self, detections: Sequence[Detection]) -> list[Detection]:
        """The detections, those that are held back with `suppressed_by`."""
        self._read()
        if not self.ever:
            return list(detections)
        named = ((detection, self._suppressions.of(detection)) for detection in detections)
        return [replace(each, suppressed_by=name) if name is not None else each for each, name in named]

    def _read(self) -> None:
        version = changes(self._records)
        if version != self._version:
            self._suppressions = Suppressions(load_suppressions(self._records), self._codes_below)
            self._version = version
        self._known_directory = self._directory()

    def _codes_below(self, code: str) -> frozenset[str]:
        return self._known_directory.below(code)
