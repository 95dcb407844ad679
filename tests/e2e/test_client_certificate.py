"""A program that shows a certificate comes in as the program it was taken for, over real TLS."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.e2e.program import explained, must, serving, vonggac


def certificate(path: Path, name: str, ca: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None):
    """A certificate and its key in two files, signed by the authority or by itself; both as objects."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(ca[0].subject if ca else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key((ca[1] if ca else key).public_key()), critical=False
        )
        .add_extension(alternative, critical=False)
        .sign(ca[1] if ca else key, hashes.SHA256())
    )
    path.with_suffix(".pem").write_bytes(made.public_bytes(Encoding.PEM))
    path.with_suffix(".key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return made, key


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
