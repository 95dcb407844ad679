"""What any record store must do."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from vonggac.errors import Conflict
from vonggac.ports import Record, Store


class RecordStoreContract:
    def test_a_record_is_kept_and_each_change_counts_its_version(self, store: Store) -> None:
        assert store.records.get("user", "an") is None
        assert store.records.put("user", "an", {"name": "An"}) == 1
        assert store.records.put("user", "an", {"name": "Ân"}) == 2
        assert store.records.get("user", "an") == Record("an", {"name": "Ân"}, 2)
        assert store.records.get("token", "an") is None

    def test_a_change_over_another_version_is_a_conflict(self, store: Store) -> None:
        store.records.put("user", "an", {}, expected_version=0)
        with pytest.raises(Conflict):
            store.records.put("user", "an", {"a": 1}, expected_version=0)
        store.records.put("user", "an", {"a": 2}, expected_version=1)
        with pytest.raises(Conflict):
            store.records.put("user", "an", {"a": 3}, expected_version=1)
        assert store.records.get("user", "an") == Record("an", {"a": 2}, 2)
        with pytest.raises(Conflict):
            store.records.put("user", "bình", {}, expected_version=1)

    def test_of_many_who_take_a_lease_one_gets_it(self, store: Store) -> None:
        records = store.records

        def take(name: int) -> bool:
            try:
                records.put("lease", "jobs", {"holder": name}, expected_version=0)
            except Conflict:
                return False
            return True

        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(take, range(8))) == [False] * 7 + [True]

    def test_without_an_expected_version_every_change_lands(self, store: Store) -> None:
        records = store.records
        with ThreadPoolExecutor(4) as pool:
            versions = list(pool.map(lambda number: records.put("k", "one", {"n": number}), range(8)))
        assert sorted(versions) == list(range(1, 9))

    def test_a_range_of_keys_is_listed_without_its_end(self, store: Store) -> None:
        store.records.put_many("coverage", {"001/a": {}, "001/b": {}, "002/a": {}, "010/a": {}})
        store.records.put("other", "002/b", {})
        for asked, wanted in {
            ("001", "002"): ["001/a", "001/b"],
            ("001/b", "010"): ["001/b", "002/a"],
            ("002", None): ["002/a", "010/a"],
            ("", "001/a"): [],
            ("001/a", "001/a"): [],
        }.items():
            assert [record.key for record in store.records.list("coverage", *asked)] == wanted

    def test_records_are_listed_by_key(self, store: Store) -> None:
        store.records.put("agency", "b", {"n": 1})
        store.records.put_many("agency", {"c": {"n": 2}, "a": {"n": 3}, "b": {"n": 4}, "Đ": {"n": 5}, "x" * 600: {}})
        store.records.put("other", "d", {})
        listed = store.records.list("agency")
        assert [(record.key, record.version) for record in listed] == [
            ("a", 1),
            ("b", 2),
            ("c", 1),
            ("x" * 600, 1),
            ("Đ", 1),
        ]
        assert listed[1].body == {"n": 4}

    def test_a_record_comes_back_byte_for_byte(self, store: Store) -> None:
        """What was signed is checked over the canonical JSON, and given out with its keys in their own order."""
        body = {
            "z": 1.0,
            "a": 1,
            "share": -16.236722306525038,
            "small": 5e-324,
            "large": 2**53 + 1,
            "nothing": None,
            "words": "Hà Nội \u202f−51,4 %",
            "list": [{"y": 0.1, "x": []}, {}, [1.0, 1]],
            "2026-01-01": True,
        }
        store.records.put("publication", "a", body)
        for record in (store.records.get("publication", "a"), *store.records.list("publication")):
            assert record is not None
            assert json.dumps(record.body) == json.dumps(body)

    def test_a_deleted_record_is_gone_and_begins_again(self, store: Store) -> None:
        store.records.put("user", "an", {})
        assert store.records.delete("user", "an") is True
        assert store.records.delete("user", "an") is False
        assert store.records.get("user", "an") is None
        assert store.records.list("user") == []
        assert store.records.put("user", "an", {}, expected_version=0) == 1
