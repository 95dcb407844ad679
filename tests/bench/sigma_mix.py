"""Rules and events for the Sigma bench, the same in every run.

Rules: those of `../shared`, and as many more as are asked for, each one of them with its words exchanged: what a real
rule looks like, looking for something else. Events: flat records in the Sigma taxonomy, as a Windows estate with its
proxy, web server, resolver and firewall writes them; images, users and parents repeat, command lines and URIs mostly
do not, one event in twenty holds a word that rules look for, and one in a hundred is a real one of the regression
data.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

SIGMA = Path(__file__).parents[3] / "shared" / "data" / "sigma"
_WORD = re.compile(r"[A-Za-z]{4,}")
_PROGRAMS = ("svchost", "cmd", "powershell", "conhost", "explorer", "chrome", "outlook", "winword", "rundll32", "reg")
_SYLLABLES = re.findall(r"[^aeiou]+[aeiou]+", "baquicedifoguhajekilomunaperosutavewixozubracledriflogrustatrespiploshu")
#: Of the Windows rules and the others of `../shared`, how often each kind is the model of a made rule: in SigmaHQ four
#: rules in five are for Windows.
_WINDOWS_SHARE = 0.8


def real_rules() -> list[dict[str, Any]]:
    """The rules of `../shared` but for correlations, each once."""
    paths = sorted((SIGMA / "rules").rglob("*.yml")) + sorted((SIGMA / "regression" / "rules").glob("*.yml"))
    found: dict[str, dict[str, Any]] = {}
    for path in paths:
        for document in yaml.safe_load_all(path.read_text("utf-8")):
            if document and "detection" in document:
                found.setdefault(document["id"], document)
    return list(found.values())


def rules(count: int) -> list[dict[str, Any]]:
    """So many rules, real ones first."""
    chance = random.Random(5)
    real = real_rules()
    windows = [rule for rule in real if rule["logsource"].get("product") == "windows"]
    others = [rule for rule in real if rule["logsource"].get("product") != "windows"]
    chance.shuffle(real)
    made = list(real[:count])
    while len(made) < count:
        model = chance.choice(windows if chance.random() < _WINDOWS_SHARE else others)
        made.append(_varied(model, chance))
    return made


def _varied(model: Mapping[str, Any], chance: random.Random) -> dict[str, Any]:
    words: dict[str, str] = {}

    def exchange(match: re.Match[str]) -> str:
        return words.setdefault(match[0].lower(), word(chance))

    def vary(value: Any, key: str) -> Any:
        if isinstance(value, dict):
            return {name: inner if name == "condition" else vary(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [vary(inner, key) for inner in value]
        kept = not isinstance(value, str) or "base64" in key or "cidr" in key
        return value if kept else _WORD.sub(exchange, value)

    identity = "".join(chance.choice("0123456789abcdef") for _ in range(32))
    identity = "-".join((identity[:8], identity[8:12], identity[12:16], identity[16:20], identity[20:]))
    rule = {key: value for key, value in model.items() if key not in ("date", "modified", "related", "name")}
    return {
        **rule,
        "id": identity,
        "title": f"{model['title']} {identity[:8]}"[-250:],
        "detection": vary(model["detection"], ""),
    }


def write_rules(folder: Path, count: int) -> None:
    """The rules as files, one each."""
    for at, rule in enumerate(rules(count)):
        text = yaml.safe_dump(rule, sort_keys=False, allow_unicode=True)
        (folder / f"{at:05}.yml").write_text(text, "utf-8")


def word(chance: random.Random) -> str:
    return "".join(chance.choice(_SYLLABLES) for _ in range(chance.randint(2, 4)))


def events(count: int) -> Iterator[dict[str, Any]]:
    """So many events in order of time."""
    chance = random.Random(7)
    world = _World(chance)
    real = _regression_events()
    for at in range(count):
        if at % 100 == 99:
            record = dict(chance.choice(real))
        else:
            kind = chance.choices(_KINDS, _WEIGHTS)[0]
            record = kind(world, chance)
        head = {"@timestamp": f"2026-03-02T{at // 3600 % 24:02}:{at // 60 % 60:02}:{at % 60:02}.{at % 1000:03}Z"}
        dataset = record.pop("_dataset")
        yield {**head, "event": {"id": f"bench-{at}", "dataset": dataset}, **record}


def write_events(path: Path, count: int) -> None:
    """The events as NDJSON."""
    with path.open("w", encoding="utf-8") as file:
        for event in events(count):
            file.write(json.dumps(event, ensure_ascii=False, separators=(",", ":")) + "\n")


def _regression_events() -> list[dict[str, Any]]:
    """The Windows events of the regression data as flat records."""
    found = []
    for case in json.loads((SIGMA / "regression" / "regression.json").read_text("utf-8")):
        for each in case["events"]:
            system = each["Event"]["System"]
            data = each["Event"].get("EventData") or {}
            record = {name: value for name, value in data.items() if not isinstance(value, (dict, list))}
            found.append(
                _windows(system["EventID"], system["Channel"], system["Provider"]["#attributes"]["Name"], record)
            )
    return found


def _windows(code: Any, channel: str, provider: str, data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "_dataset": "windows.sysmon" if "Sysmon" in channel else "windows.security",
        "EventID": code["#text"] if isinstance(code, dict) else code,
        "Channel": channel,
        "Provider_Name": provider,
        **data,
    }


class _World:
    """What repeats: programs, users, hosts, folders, and the words that rules look for."""

    def __init__(self, chance: random.Random) -> None:
        folders = [rf"C:\Program Files\{word(chance).title()}" for _ in range(60)] + [r"C:\Windows\System32"] * 60
        self.images = [
            rf"{chance.choice(folders)}\{chance.choice(_PROGRAMS) if at % 3 == 0 else word(chance)}.exe"
            for at in range(300)
        ]
        self.users = [rf"TSLCD\{word(chance)}" for _ in range(80)]
        self.hosts = [f"{word(chance)}.{word(chance)}.gov.vn" for _ in range(400)]
        self.agents = [f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {word(chance)}/{at}.0" for at in range(40)]
        self.dlls = [rf"C:\Windows\System32\{word(chance)}.dll" for _ in range(400)]
        texts = json.dumps([rule["detection"] for rule in real_rules()])
        self.sought = sorted(set(_WORD.findall(texts)))

    def argument(self, chance: random.Random) -> str:
        return chance.choice(self.sought) if chance.random() < 0.02 else word(chance)

    def line(self, chance: random.Random) -> str:
        arguments = " ".join(
            f"{chance.choice(('-', '/', '--', ''))}{self.argument(chance)}" for _ in range(chance.randint(1, 6))
        )
        return f'"{chance.choice(self.images)}" {arguments} {chance.randint(1, 99_999)}'


_SYSMON = "Microsoft-Windows-Sysmon/Operational"
_PROVIDER = "Microsoft-Windows-Sysmon"


def _process(world: _World, chance: random.Random) -> dict[str, Any]:
    image, parent = chance.choice(world.images), chance.choice(world.images)
    data = {
        "UtcTime": f"2026-03-02 02:00:00.{chance.randint(0, 999):03}",
        "ProcessId": chance.randint(100, 60_000),
        "Image": image,
        "FileVersion": f"10.0.{chance.randint(1, 9)}",
        "Description": f"{image[-12:-4]} program",
        "Product": "Windows",
        "Company": "Microsoft Corporation",
        "OriginalFileName": image.rpartition("\\")[2],
        "CommandLine": world.line(chance),
        "CurrentDirectory": image.rpartition("\\")[0] + "\\",
        "User": chance.choice(world.users),
        "IntegrityLevel": chance.choice(("Medium", "High", "System")),
        "Hashes": f"SHA256={chance.getrandbits(256):064X}",
        "ParentImage": parent,
        "ParentCommandLine": world.line(chance) if chance.random() < 0.3 else f'"{parent}"',
    }
    return _windows(1, _SYSMON, _PROVIDER, data)


def _connection(world: _World, chance: random.Random) -> dict[str, Any]:
    data = {
        "Image": chance.choice(world.images),
        "User": chance.choice(world.users),
        "Protocol": "tcp",
        "Initiated": "true",
        "SourceIp": f"10.1.{chance.randint(0, 9)}.{chance.randint(1, 254)}",
        "SourcePort": chance.randint(1_024, 65_000),
        "DestinationIp": f"{chance.randint(11, 200)}.{chance.randint(0, 255)}.3.{chance.randint(1, 254)}",
        "DestinationPort": chance.choice((80, 443, 445, 3389, 8080)),
        "DestinationHostname": chance.choice(world.hosts),
    }
    return _windows(3, _SYSMON, _PROVIDER, data)


def _file(world: _World, chance: random.Random) -> dict[str, Any]:
    ending = chance.choice(("tmp", "docx", "dll", "log"))
    name = rf"C:\Users\{word(chance)}\AppData\{world.argument(chance)}\{word(chance)}.{ending}"
    return _windows(
        11,
        _SYSMON,
        _PROVIDER,
        {"Image": chance.choice(world.images), "TargetFilename": name, "User": chance.choice(world.users)},
    )


def _library(world: _World, chance: random.Random) -> dict[str, Any]:
    data = {
        "Image": chance.choice(world.images),
        "ImageLoaded": chance.choice(world.dlls),
        "Signed": "true",
        "SignatureStatus": "Valid",
    }
    return _windows(7, _SYSMON, _PROVIDER, data)


def _registry(world: _World, chance: random.Random) -> dict[str, Any]:
    key = rf"HKLM\SOFTWARE\{word(chance)}\{world.argument(chance)}\{word(chance)}"
    data = {
        "EventType": "SetValue",
        "Image": chance.choice(world.images),
        "TargetObject": key,
        "Details": f"DWORD (0x{chance.getrandbits(32):08x})",
    }
    return _windows(13, _SYSMON, _PROVIDER, data)


def _proxy(world: _World, chance: random.Random) -> dict[str, Any]:
    uri = f"/{word(chance)}/{world.argument(chance)}?{word(chance)}={chance.randint(1, 9_999)}"
    return {
        "_dataset": "proxy",
        "c-uri": f"http://{chance.choice(world.hosts)}{uri}",
        "c-uri-query": uri.partition("?")[2],
        "cs-host": chance.choice(world.hosts),
        "cs-method": chance.choice(("GET", "POST")),
        "c-useragent": chance.choice(world.agents),
        "sc-status": chance.choice((200, 304, 404)),
        "c-ip": f"10.1.2.{chance.randint(1, 254)}",
    }


def _webserver(world: _World, chance: random.Random) -> dict[str, Any]:
    uri = f"/{word(chance)}/{world.argument(chance)}"
    query = f"{word(chance)}={world.argument(chance)}"
    return {
        "_dataset": "webserver",
        "cs-uri-stem": uri,
        "cs-uri-query": query,
        "cs-method": chance.choice(("GET", "POST")),
        "cs-user-agent": chance.choice(world.agents),
        "cs-referer": f"https://{chance.choice(world.hosts)}/",
        "sc-status": chance.choice((200, 404, 500)),
        "c-ip": f"203.0.113.{chance.randint(1, 254)}",
    }


def _dns(world: _World, chance: random.Random) -> dict[str, Any]:
    name = chance.choice(world.hosts) if chance.random() < 0.7 else f"{world.argument(chance)}.{word(chance)}.com"
    return {
        "_dataset": "dns",
        "query": name,
        "record_type": chance.choice(("A", "AAAA", "TXT")),
        "src_ip": f"10.1.2.{chance.randint(1, 254)}",
    }


_KINDS = (_process, _connection, _file, _library, _registry, _proxy, _webserver, _dns)
_WEIGHTS = (50, 12, 10, 8, 8, 5, 4, 3)
