"""Sigma's taxonomies in the events we have: which events a log source means, and where its fields stand in them.

The facts are data, in dated files under `data/`; `tables` reads them. Three shapes of Windows events are known:
evtx_dump's (`Event.System`, `Event.EventData`, `Event.UserData`), Winlogbeat's ECS (`winlog.event_data`, `process.*`)
and flat records (`EventID`, `Channel`, `Image`). Source: Sigma Taxonomy appendix 2.1.0.
"""

from correlator.sigma.taxonomy.applying import applies
from correlator.sigma.taxonomy.origin import TELLING_PATHS, Origin, origin_of
from correlator.sigma.taxonomy.paths import Paths, only_zeek_says, paths_of
from correlator.sigma.taxonomy.tables import LogSource

__all__ = [
    "TELLING_PATHS",
    "LogSource",
    "Origin",
    "Paths",
    "applies",
    "only_zeek_says",
    "origin_of",
    "paths_of",
]
