"""A document's block `logsource` (Sigma rules specification 2.1, "LogSource")."""

from __future__ import annotations

from collections.abc import Mapping

from correlator.sigma.document import Source
from correlator.sigma.info import Refused
from correlator.sigma.taxonomy import LogSource

_PARTS = ("category", "product", "service")


def read_logsource(source: Source) -> LogSource:
    """The log source of a rule or filter, in lower case. Raises Refused."""
    block = source.data.get("logsource")
    if not isinstance(block, Mapping):
        raise Refused("rule_invalid", source.line_of("logsource"), "a rule needs a log source: a map logsource")
    for key in _PARTS:
        if block.get(key) is not None and not isinstance(block[key], str):
            raise Refused("rule_invalid", source.line_of("logsource", key), f"{key} of a log source must be text")
    found = LogSource(*((block.get(key) or "").lower() for key in _PARTS))
    if found == LogSource():
        reason = "the log source gives none of category, product and service"
        raise Refused("rule_invalid", source.line_of("logsource"), reason)
    return found
