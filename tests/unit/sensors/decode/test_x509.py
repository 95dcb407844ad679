from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode.fault import Undecodable
from sensors.decode.x509 import decode_certificate

#: Made with openssl for this test; its key was thrown away.
DER = base64.b64decode(
    """
MIICAjCCAamgAwIBAgIEEjSrzTAKBggqhkjOPQQDAjBGMQswCQYDVQQGEwJWTjEd
MBsGA1UECgwUQm8gVGFpIGNoaW5oLCBIYSBOb2kxGDAWBgNVBAMMD2NvbmcuZXhh
bXBsZS52bjAeFw0yNjExMjIwMzA5MThaFw0yNzEyMjcwMzA5MThaMEYxCzAJBgNV
BAYTAlZOMR0wGwYDVQQKDBRCbyBUYWkgY2hpbmgsIEhhIE5vaTEYMBYGA1UEAwwP
Y29uZy5leGFtcGxlLnZuMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAERBfGAfMe
89vCmH3ZeuN2Zvrl7wt7EHUcZrJdGNBLQZfUlo83Z4KaoIcdNdQLzjLLFBwXgXuz
KVzz2B510Wr4U6OBhDCBgTAdBgNVHQ4EFgQUD+LHZHl1blL5blF5lh8gQCXGA8Mw
HwYDVR0jBBgwFoAUD+LHZHl1blL5blF5lh8gQCXGA8MwDwYDVR0TAQH/BAUwAwEB
/zAuBgNVHREEJzAlgg9jb25nLmV4YW1wbGUudm6CDCouZXhhbXBsZS52bocEwAAC
ATAKBggqhkjOPQQDAgNHADBEAiB/vxbqQoWhMI/dPp8kqlCwSo8C4E/25nrYEJNi
9DlUIwIgd5sgcTGFUACl7+xvl98V62uB5En5tDd/zU+C03RPxUU=
"""
)


def test_names_dates_and_hash_agree_with_openssl():
    certificate = decode_certificate(DER)
    assert certificate.subject == r"CN=cong.example.vn, O=Bo Tai chinh\, Ha Noi, C=VN"
    assert certificate.issuer == certificate.subject
    assert certificate.serial == "1234ABCD"
    assert certificate.not_before == "2026-11-22T03:09:18.000000Z"
    assert certificate.not_after == "2027-12-27T03:09:18.000000Z"
    assert certificate.alternative_names == ("cong.example.vn", "*.example.vn", "192.0.2.1")
    assert certificate.sha256 == "F8B474F84BE95B937631A0146FE0FBCE13340B2E6A37765AA737F0DAF7DE9175"


@pytest.mark.parametrize("size", [0, 1, 3, 50, 200])
def test_a_cut_certificate_is_named(size):
    with pytest.raises(Undecodable):
        decode_certificate(DER[:size])


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(DER) - 1), st.binary(min_size=1, max_size=4))
def test_only_the_declared_fault_escapes(at, change):
    with contextlib.suppress(Undecodable):
        decode_certificate(DER[:at] + change + DER[at + len(change) :])
