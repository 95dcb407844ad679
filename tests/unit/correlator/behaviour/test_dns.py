from __future__ import annotations

from random import Random

import pytest

from correlator.behaviour.words import plausibility
from tests.unit.correlator.behaviour.made import HOST, HOUR, MONDAY, dns, found_in, told

BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


def label(random: Random, letters: str = BASE32, length: int = 40) -> str:
    return "".join(random.choices(letters, k=length))


@pytest.mark.parametrize(
    ("kind", "length"), [("TXT", 50), ("NULL", 12), ("CNAME", 30), ("A", 40), ("AAAA", 30), ("MX", 25)]
)
def test_a_tunnel_is_found_by_the_text_in_its_names(kind, length):
    random = Random(kind)
    made = [
        dns(MONDAY + n * 20, HOST, f"{label(random, length=length)}.kho.example", "kho.example", kind)
        for n in range(60)
    ]
    (found,) = [detection for detection in found_in(made) if detection.rule.kind == "dns-tunnel"]
    assert found.group_by == {"source.ip": HOST, "dns.question.registered_domain": "kho.example"}
    assert found.explanation["numbers"]["entropy"] > 4
    assert found.explanation["numbers"]["bytes_out"] >= 30 * length


def test_a_tunnel_below_a_domain_that_was_asked_for_much_else_is_found():
    random = Random(9)
    made = [dns(MONDAY + n, HOST, f"www{n % 3}.kho.example", "kho.example") for n in range(300)]
    made += [dns(MONDAY + 400 + n * 9, HOST, f"{label(random)}.kho.example", "kho.example") for n in range(600)]
    assert "dns_tunnel" in told(found_in(made))


def test_many_short_names_of_a_content_network_are_no_tunnel():
    random = Random(1)
    made = [dns(MONDAY + n * 7, HOST, f"img{n}-{random.randint(1, 99)}.cdn.example", "cdn.example") for n in range(900)]
    assert found_in(made) == []


def test_long_names_that_come_again_are_no_tunnel():
    random = Random(2)
    names = [f"{label(random)}.anh.example" for _ in range(20)]
    times = sorted(MONDAY + random.uniform(0, 8 * HOUR) for _ in range(300))
    assert found_in(dns(at, HOST, random.choice(names), "anh.example") for at in times) == []


def test_reputation_services_and_reverse_names_are_no_tunnel():
    random = Random(3)
    made = [dns(MONDAY + n * 9, HOST, f"{label(random)}.sophosxl.net", "sophosxl.net", "TXT") for n in range(100)]
    reverse = [f"{random.randint(1, 255)}.{n}.0.10.in-addr.arpa" for n in range(100)]
    made += [dns(MONDAY + n * 9, HOST, name, "10.in-addr.arpa", "PTR") for n, name in enumerate(reverse)]
    assert found_in(made) == []


def test_generated_domains_that_do_not_exist_are_found():
    random = Random(4)
    names = [label(random, "abcdefghijklmnopqrstuvwxyz", random.randint(10, 16)) + ".com" for _ in range(30)]
    found = found_in(dns(MONDAY + n * n, HOST, name, name, code="NXDOMAIN") for n, name in enumerate(names))
    assert told(found) == ["dga"]
    assert found[0].explanation["numbers"]["domains"] == 12


def test_generated_domains_that_exist_are_not_told():
    random = Random(5)
    names = [label(random, length=14) + ".com" for _ in range(60)]
    assert found_in(dns(MONDAY + n * n, HOST, name, name) for n, name in enumerate(names)) == []


def test_vietnamese_and_english_names_that_do_not_exist_are_no_generated_domains():
    first = ("nguyen", "tran", "phuong", "quang", "truong", "thuy", "nghia", "huynh", "khuyen", "duong")
    last = ("thanh", "dichvu", "truyenthong", "nghean", "quangngai", "network", "market", "service", "online", "design")
    names = [f"{one}{other}.vn" for one in first for other in last]
    assert found_in(dns(MONDAY + n * 60, HOST, name, name, code="NXDOMAIN") for n, name in enumerate(names)) == []


def test_a_resolver_with_ordinary_typing_errors_asks_for_no_generated_domains():
    random = Random(6)
    words = ("facebook", "microsoft", "vietcombank", "dichvucong", "wikipedia", "thoitiet", "baohiemxahoi", "tuoitre")
    made = []
    for n in range(400):
        word = list(random.choice(words))
        word[random.randrange(len(word))] = random.choice("abcdefghijklmnopqrstuvwxyz")
        name = "".join(word) + random.choice((".com", ".vn", ".com.vn"))
        made.append(dns(MONDAY + n * 9, "10.1.0.53", name, name, code="NXDOMAIN"))
    assert "dga" not in told(found_in(made))


def test_the_model_tells_vietnamese_syllables_from_random_letters():
    random = Random(7)
    vietnamese = ("nguyenhuyphuong", "truyenthongnghean", "quangngaionline", "tracuuphatnguoi", "khuyennongquocgia")
    assert min(plausibility(name) for name in vietnamese) > -5
    made_up = sorted(plausibility(label(random, "abcdefghijklmnopqrstuvwxyz", 14)) for _ in range(500))
    assert made_up[int(len(made_up) * 0.8)] < -6.1


def test_windows_are_the_same_wherever_the_input_begins():
    random = Random(8)
    made = [dns(MONDAY + 3 * HOUR + n * 60, HOST, f"{label(random)}.kho.example", "kho.example") for n in range(240)]
    ids = {found.id for found in found_in(made) if found.rule.kind == "dns-tunnel"}
    assert ids >= {found.id for found in found_in(made[50:]) if found.rule.kind == "dns-tunnel"}
    assert len(ids) == 2
