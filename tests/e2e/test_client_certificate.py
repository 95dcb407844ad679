"""A program that shows a certificate comes in as the program it was taken for, over real TLS."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from tests.e2e.program import explained, must, serving, vonggac
from tests.real.certificates import certificate


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """The files of an authority, of a node, of a sensor and of a stranger whom another authority has signed."""
    authority = certificate(tmp_path / "ca", "CA mẫu")
    certificate(tmp_path / "node", "nút", authority)
    certificate(tmp_path / "sensor", "cảm biến", authority)
    certificate(tmp_path / "other", "cảm biến khác", authority)
    certificate(tmp_path / "stranger", "người lạ", certificate(tmp_path / "ca2", "CA khác"))
    return tmp_path


def shown(keys: Path, name: str) -> tuple[str, str]:
    return str(keys / f"{name}.pem"), str(keys / f"{name}.key")


def test_a_sensor_ships_with_its_certificate_alone(made_day: dict[str, Path], keys: Path) -> None:
    data, spools = keys / "nut", keys / "spools"
    must("sensor", next(iter(made_day.values())), "--to", spools)
    given = ("token", "create", "--role", "sensor", "--label", "cổng 1", "--certificate", keys / "sensor.pem")
    assert len(must("--data-dir", data, *given).item["certificate"]) == 64
    again = vonggac("--data-dir", data, *given)
    assert again.code != 0
    tls = {
        "VONGGAC_SERVE_TLS_CERT": str(keys / "node.pem"),
        "VONGGAC_SERVE_TLS_KEY": str(keys / "node.key"),
        "VONGGAC_SERVE_TLS_CLIENT_CA": str(keys / "ca.pem"),
    }
    with serving(keys / "serve", data, env=tls) as url:
        assert url.startswith("https://")
        trusted = ("--ca", keys / "ca.pem")
        cert, key = shown(keys, "sensor")
        sent = must("ship", spools / "sensor", "--to", url, "--once", "--cert", cert, "--key", key, *trusted)
        assert sent.item["sent"] > 0 and sent.item["refused"] == 0
        incidents = f"{url}/api/v1/incidents"
        ca = str(keys / "ca.pem")
        # A sensor may not read; who was not named is nobody; who is of another authority does not get so far.
        assert requests.get(incidents, cert=(cert, key), verify=ca, timeout=20).status_code == 403
        assert requests.get(incidents, cert=shown(keys, "other"), verify=ca, timeout=20).status_code == 401
        assert requests.get(incidents, verify=ca, timeout=20).status_code == 401
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(incidents, cert=shown(keys, "stranger"), verify=ca, timeout=20)
        # A page of another site that a browser would show the certificate to is refused.
        foreign = {"Sec-Fetch-Site": "cross-site"}
        answer = requests.post(
            f"{url}/api/v1/intake", cert=(cert, key), verify=ca, headers=foreign, data=b"", timeout=20
        )
        assert answer.status_code == 403


def test_a_file_without_certificate_is_told(keys: Path) -> None:
    done = vonggac("--data-dir", keys / "nut", "token", "create", "--role", "sensor", "--certificate", keys / "ca.key")
    assert done.code == 2
    explained(done, "ca.key")
