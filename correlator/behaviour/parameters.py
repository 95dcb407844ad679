"""The thresholds of all analytics, and the table `[behaviour]` of a settings file that changes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from correlator.behaviour.beacon import Beacon, BeaconParameters
from correlator.behaviour.dga import Dga, DgaParameters
from correlator.behaviour.exfil import Exfil, ExfilParameters
from correlator.behaviour.first_seen import FirstSeen, FirstSeenParameters
from correlator.behaviour.look_alike import LookAlike, LookAlikeParameters
from correlator.behaviour.place import Place
from correlator.behaviour.scan import Scan, ScanParameters
from correlator.behaviour.spray import Spray, SprayParameters
from correlator.behaviour.tunnel import Tunnel, TunnelParameters
from correlator.behaviour.watch import Behaviours
from vonggac.errors import UsageRefused


@dataclass(frozen=True, slots=True)
class Parameters:
    """One part for each analytic; docs/behaviour.md states every value."""

    beacon: BeaconParameters = field(default_factory=BeaconParameters)
    dns_tunnel: TunnelParameters = field(default_factory=TunnelParameters)
    dga: DgaParameters = field(default_factory=DgaParameters)
    scan: ScanParameters = field(default_factory=ScanParameters)
    password_spray: SprayParameters = field(default_factory=SprayParameters)
    exfiltration: ExfilParameters = field(default_factory=ExfilParameters)
    first_seen: FirstSeenParameters = field(default_factory=FirstSeenParameters)
    look_alike: LookAlikeParameters = field(default_factory=LookAlikeParameters)


def make_behaviours(parameters: Parameters, place: Place) -> Behaviours:
    """Every analytic with its parameters, for that place."""
    return Behaviours(
        (
            Beacon(parameters.beacon, place),
            Tunnel(parameters.dns_tunnel),
            Dga(parameters.dga),
            Scan(parameters.scan, place),
            Spray(parameters.password_spray),
            Exfil(parameters.exfiltration, place),
            FirstSeen(parameters.first_seen, place),
            LookAlike(parameters.look_alike, place.names),
        )
    )


def read_parameters(table: Mapping[str, Any], origin: str) -> Parameters:
    """The defaults with what the table changes. Raises UsageRefused that names a part or value that is not known."""
    parameters = Parameters()
    parts = {each.name for each in fields(Parameters)}
    for part, values in table.items():
        if part not in parts:
            raise UsageRefused("unknown_setting", name=f"behaviour.{part}", path=origin)
        if not isinstance(values, Mapping):
            raise UsageRefused("bad_setting", name=f"behaviour.{part}", value=values, origin=origin, wanted="[table]")
        known = getattr(parameters, part)
        changed = {name: _value(known, f"{part}.{name}", name, value, origin) for name, value in values.items()}
        parameters = replace(parameters, **{part: replace(known, **changed)})
    return parameters


def _value(known: Any, path: str, name: str, value: Any, origin: str) -> Any:
    """The value, where it is of the default's type and sign."""
    default = getattr(known, name, None)
    if default is None:
        raise UsageRefused("unknown_setting", name=f"behaviour.{path}", path=origin)
    if isinstance(default, tuple):
        if isinstance(value, list) and all(isinstance(item, str) and item for item in value):
            return tuple(value)
        wanted = '["…"]'
    else:
        whole = type(value) is int
        fits = whole if isinstance(default, int) else whole or type(value) is float
        wanted = f"{type(default).__name__} {'>' if default > 0 else '<'} 0"
        if fits and 0 < abs(value) < float("inf") and (value > 0) == (default > 0):
            return type(default)(value)
    raise UsageRefused("bad_setting", name=f"behaviour.{path}", value=value, origin=origin, wanted=wanted)
