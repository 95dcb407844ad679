"""What the demo starts from: agencies, past incidents and an indicator, as the files that users would bring."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vonggac.old_cases import IMPORT_COLUMNS

#: Of the sample units; none of them is a code of the directory that ships with us, whose root is above them.
CENTRE, ROOT = "Q99", "VN"

_AGENCIES = (
    (CENTRE, "Trung tâm An ninh mạng Quốc gia (mẫu)", "National Cyber Security Centre (sample)", "national", ROOT, ""),
    ("G99", "Bộ Mẫu", "Sample Ministry", "ministry", ROOT, "10.10.0.0/16"),
    ("T98", "Tỉnh Mẫu A", "Sample Province A", "province", ROOT, "10.21.0.0/16"),
    ("T99", "Tỉnh Mẫu B", "Sample Province B", "province", ROOT, "10.22.0.0/16"),
)

_SYSTEMS = (("cdvc", "Cổng dịch vụ công (mẫu)", "4", "G99", "10.10.0.80"),)

#: Published: April 2020 had 43 + 89 + 71 = 203, 28 % fewer than March (so 282) and 68.2 % fewer than April 2019 (638);
#: January to April 2020 had 553 + 280 + 223 = 1,056, 51.4 % fewer than the year before (2,173). What the months of
#: January to March had of each kind was not published and is shared out here.
_PUBLISHED: dict[tuple[int, int], dict[str, int]] = {
    (2020, 1): {"phishing": 171, "deface": 64, "malware": 51},
    (2020, 2): {"phishing": 170, "deface": 64, "malware": 51},
    (2020, 3): {"phishing": 169, "deface": 63, "malware": 50},
    (2020, 4): {"phishing": 43, "deface": 89, "malware": 71},
    (2019, 1): {"other": 512},
    (2019, 2): {"other": 512},
    (2019, 3): {"other": 511},
    (2019, 4): {"other": 638},
}
_TITLES = {
    "phishing": "Trang giả mạo (tái dựng từ số tổng đã công bố)",
    "deface": "Trang bị thay đổi giao diện (tái dựng từ số tổng đã công bố)",
    "malware": "Trang có mã độc (tái dựng từ số tổng đã công bố)",
    "other": "Sự cố chưa rõ loại (tái dựng từ số tổng đã công bố)",
}


def write_agencies(path: Path) -> Path:
    """A centre, a ministry and two provinces, in the form of `agency import`."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("code", "name", "name_en", "level", "parent", "networks"))
        writer.writerows(_AGENCIES)
    return path


def write_systems(path: Path) -> Path:
    """An information system with its level, in the form of `agency import`."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("system", "name", "level", "agency", "networks"))
        writer.writerows(_SYSTEMS)
    return path


def write_history(path: Path) -> Path:
    """The incidents of January to April 2019 and 2020, in the form of `incident import`."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, IMPORT_COLUMNS)
        writer.writeheader()
        writer.writerows(_history())
    return path


def _history() -> Iterator[dict[str, str]]:
    for (year, month), counts in _PUBLISHED.items():
        for category, count in counts.items():
            for number in range(count):
                yield {
                    "incident_id": f"{year}-{month:02}-{category}-{number + 1}",
                    "occurred_at": f"{number % 28 + 1:02}/{month:02}/{year}",
                    "recorded_at": f"01/06/{year}",
                    "category": category,
                    "severity": "medium",
                    "agency_code": CENTRE,
                    "role": "handler",
                    "title": _TITLES[category],
                    "source_system": "so-lieu-cong-bo",
                    "test": "false",
                }


def write_indicators(path: Path, sha256: str) -> Path:
    """A STIX 2.1 bundle that lists one file as bad, TLP:GREEN."""
    indicator: dict[str, Any] = {
        "type": "indicator",
        "spec_version": "2.1",
        "id": "indicator--5d3c1a52-0f0e-4b0e-9a35-2b1d6a1b7c11",
        "created": "2026-11-01T00:00:00.000Z",
        "modified": "2026-11-01T00:00:00.000Z",
        "name": "Tệp mẫu được liệt kê là độc hại",
        "indicator_types": ["malicious-activity"],
        "pattern": f"[file:hashes.'SHA-256' = '{sha256}']",
        "pattern_type": "stix",
        "valid_from": "2026-11-01T00:00:00Z",
        "object_marking_refs": ["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"],
    }
    bundle = {"type": "bundle", "id": "bundle--6a1f0c9e-53a5-4a2f-8a4e-0e7d1f0b2c33", "objects": [indicator]}
    path.write_text(json.dumps(bundle, ensure_ascii=False, indent=1), "utf-8")
    return path
