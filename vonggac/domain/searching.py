"""What a text search looks in, and for: folded, so that marks and case do not matter."""

from __future__ import annotations

from vonggac.domain.incident import Incident
from vonggac.domain.text import fold


def search_text(incident: Incident) -> str:
    """What of an incident is searched (`domain.text.fold`)."""
    parts = (incident.title, incident.title_vi, incident.entity, *(note.text for note in incident.notes))
    return fold("\n".join(dict.fromkeys(part for part in parts if part)))


def search_words(text: str | None) -> tuple[str, ...]:
    """The folded words of a text query; each must stand somewhere in `search_text`."""
    return tuple(dict.fromkeys(fold(text or "").split()))
