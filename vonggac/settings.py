"""Settings: defaults, then a TOML file, then `VONGGAC_*`, then flags. docs/settings.md lists each one.

A name `store.url` is `[store] url` in the file and `VONGGAC_STORE_URL` in the environment.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from vonggac.domain.stats import By
from vonggac.errors import UsageRefused


@dataclass(frozen=True, slots=True)
class Settings:
    data_dir: Path = Path("data")
    lang: str = ""  # "vi" or "en"; empty: messages in both
    store_url: str = ""  # empty: the embedded store in data_dir; http(s)://…: Elasticsearch
    store_prefix: str = "vonggac"  # index names begin with it
    node_name: str = "vonggac"
    node_agency: str = ""  # code of the agency that runs this node; empty: the national centre
    sensor_name: str = "sensor"
    sensor_agency: str = ""
    sensor_beat_seconds: float = 30.0
    ship_poll_seconds: float = 1.0
    ship_retry_first_seconds: float = 1.0
    ship_retry_most_seconds: float = 60.0
    ship_timeout_seconds: float = 60.0
    rules_paths: str = ""  # os.pathsep-separated; empty: the shipped rules
    rules_placeholders: str = ""  # YAML file with the values of placeholders
    indicators_paths: str = ""
    indicators_warning_lists: str = ""  # os.pathsep-separated files and folders in MISP's format
    serve_host: str = "127.0.0.1"
    serve_port: int = 8000
    serve_insecure: bool = False  # allow plain HTTP beyond loopback
    serve_tls_cert: str = ""
    serve_tls_key: str = ""
    serve_tls_client_ca: str = ""
    intake_spool: str = ""  # folder of the sensors' spools; empty: data_dir/spool
    intake_poll_seconds: float = 1.0
    evidence_dir: str = ""  # folder of the rings of packets; empty: data_dir/evidence
    evidence_max_mb: int = 1024  # what each sensor's ring may hold; 0 keeps no packets
    evidence_days: int = 7  # packets older than this go
    retention_days: int = 400
    feeds_pull_minutes: float = 5.0
    snapshot_minutes: int = 60
    probe_minutes: int = 0  # how often information systems are asked whether they answer; 0: never
    probe_seconds: float = 10.0  # how long one probe may take
    probe_at_once: int = 8
    probe_authorities: str = ""  # PEM file of authorities that are trusted beside the system's
    reporting_url: str = ""  # where published tables are sent; empty: nowhere
    reporting_token: str = ""  # of this node there
    reporting_day: int = 0  # of each month, on which the month before is reported; 0: by hand alone
    reporting_hour: int = 8  # on that day, Vietnam's time
    reporting_tables: str = "category"  # the tables of the month, by what each counts; comma-separated, a list in TOML
    lease_seconds: int = 60
    incident_window_minutes: int = 1440
    suppression_max_days: int = 366  # how far from now a suppression may hold
    behaviour: Mapping[str, Any] | None = None  # numbers and names of docs/behaviour.md; file only
    correlator_catch_up: str = "24h"  # how far back a new rule begins (30m, 24h, 7d), or "all"

    @property
    def spool(self) -> Path:
        return Path(self.intake_spool) if self.intake_spool else self.data_dir / "spool"

    @property
    def evidence(self) -> Path:
        return Path(self.evidence_dir) if self.evidence_dir else self.data_dir / "evidence"


#: A free port; no ring of packets; no probes; no schedule; midnight.
MAY_BE_0 = ("serve_port", "evidence_max_mb", "probe_minutes", "reporting_day", "reporting_hour")
#: The largest values of what is bounded; every month has 28 days.
AT_MOST = {"reporting_day": 28, "reporting_hour": 23}

#: Lists of names, and the names there are.
NAMES = {"reporting_tables": tuple(map(str, By))}

#: TOML tables; a field `store_url` is `[store] url`.
TABLES = (
    "store",
    "node",
    "sensor",
    "ship",
    "rules",
    "indicators",
    "serve",
    "intake",
    "evidence",
    "retention",
    "feeds",
    "snapshot",
    "probe",
    "reporting",
    "lease",
    "incident",
    "suppression",
    "correlator",
)


def dotted(name: str) -> str:
    """`store_url` -> `store.url`; fields without a table keep their name."""
    table, _, rest = name.partition("_")
    return f"{table}.{rest}" if table in TABLES else name


def load(environment: Mapping[str, str], flags: Mapping[str, Any], config: Path | None = None) -> Settings:
    """The settings in force. Raises UsageRefused that names the setting, its value and where it came from."""
    values: dict[str, Any] = {}
    known = {field.name: field for field in fields(Settings)}
    path = config or (Path(environment["VONGGAC_CONFIG"]) if environment.get("VONGGAC_CONFIG") else None)
    if path is not None:
        values |= _from_file(path, {dotted(name): name for name in known})
    for name in known:
        variable = f"VONGGAC_{name.upper()}"
        if variable in environment:
            values[name] = _convert(name, environment[variable], variable)
    for name, value in flags.items():
        if value is not None:
            values[name] = value
    settings = replace(Settings(), **values)
    if settings.lang not in ("", "vi", "en"):
        raise UsageRefused(
            "bad_setting", name="lang", value=settings.lang, origin="VONGGAC_LANG / --lang", wanted="vi, en"
        )
    if settings.correlator_catch_up != "all" and span_of(settings.correlator_catch_up) is None:
        raise UsageRefused(
            "bad_setting",
            name="correlator.catch_up",
            value=settings.correlator_catch_up,
            origin="VONGGAC_CORRELATOR_CATCH_UP",
            wanted="30m, 24h, 7d, all",
        )
    return settings


def span_of(text: str) -> timedelta | None:
    """The time that `30m`, `24h` or `7d` says; None for anything else."""
    found = re.fullmatch(r"(\d{1,6})([mhd])", text)
    if found is None:
        return None
    unit = {"m": "minutes", "h": "hours", "d": "days"}[found[2]]
    return timedelta(**{unit: int(found[1])})


def _from_file(path: Path, names: Mapping[str, str]) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageRefused("config_unreadable", path=path, reason=error.strerror) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageRefused("config_broken", path=path, reason=error) from error
    found: dict[str, Any] = {}
    behaviour = table.pop("behaviour", {})
    if not isinstance(behaviour, dict):
        raise UsageRefused("bad_setting", name="behaviour", value=behaviour, origin=str(path), wanted="[behaviour]")
    if behaviour:
        found["behaviour"] = behaviour
    for key, value in _flatten(table):
        if key not in names:
            raise UsageRefused("unknown_setting", name=key, path=path)
        found[names[key]] = _convert(names[key], value, str(path))
    return found


def _flatten(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for key, value in table.items():
        pairs += _flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else [(f"{prefix}{key}", value)]
    return pairs


def _convert(name: str, value: Any, origin: str) -> Any:
    """The value in the type of the field's default."""
    wanted = type(getattr(Settings(), name))
    if name == "behaviour":
        raise UsageRefused("bad_setting", name=name, value=value, origin=origin, wanted="[behaviour]")
    if name in NAMES:
        return _names(name, value, origin)
    if issubclass(wanted, Path):
        return Path(str(value))
    if wanted is bool:
        if str(value).lower() in ("1", "true", "yes", "on"):
            return True
        if str(value).lower() in ("0", "false", "no", "off", ""):
            return False
    else:
        try:
            converted = wanted(value)
        except (TypeError, ValueError, OverflowError):
            pass
        else:
            # Every other number is a time that would never pass, or pass without end.
            most = AT_MOST.get(name, float("inf"))
            if wanted is str or (0 < converted < float("inf") and converted <= most):
                return converted
            if name in MAY_BE_0 and converted == 0:
                return converted
    meant = "> 0" if wanted in (int, float) else wanted.__name__
    meant = f"0-{AT_MOST[name]}" if name in AT_MOST else meant
    raise UsageRefused("bad_setting", name=dotted(name), value=value, origin=origin, wanted=meant)


def _names(name: str, value: Any, origin: str) -> str:
    """The names of a list, each once, with commas between them."""
    given = value if isinstance(value, list) else str(value).split(",")
    names = dict.fromkeys(str(each).strip() for each in given)
    for each in names or [""]:
        if each not in NAMES[name]:
            wanted = ", ".join(NAMES[name])
            raise UsageRefused("bad_setting", name=dotted(name), value=each, origin=origin, wanted=wanted)
    return ",".join(names)
