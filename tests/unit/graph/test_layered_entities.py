"""Data of entities out of the process, the table and the lake, as a lookup asks for it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from fakes.clock import SetClock
from fakes.entities import MemoryEntities
from servery.adapters.kept_bytes import KeptBytes
from servery.adapters.lake_entities import LakeEntities, place_in_lake
from servery.adapters.layered_entities import LAKE_SECONDS, LayeredEntities
from servery.domain.entities import Keeping, Lookup
from servery.errors import FaultError, UnavailableError


class Place:
    """A table and a lake, and how often each is read."""

    def __init__(self, lake: dict[str, Any] | None = None) -> None:
        self.clock = SetClock()
        self.table = MemoryEntities(self.clock)
        self.lake = {k: json.dumps(v).encode() for k, v in (lake or {}).items()}
        self.asked: list[str] = []
        self.reads: list[set[str]] = []
        self.entities = LayeredEntities(self, self.clock, lake=lambda: LakeEntities(self._of_lake))

    def get_many(self, entity: str, keys: Any) -> Any:
        self.reads.append(set(keys))
        return self.table.get_many(entity, keys)

    def add(self, entity: str, key: str, data: Any, *, seconds: int) -> None:
        self.table.add(entity, key, data, seconds=seconds)

    def _of_lake(self, key: str) -> bytes | None:
        self.asked.append(key)
        return self.lake.get(key)


def test_every_read_goes_to_the_table_when_nothing_is_kept() -> None:
    place = Place()
    place.table.put("customer", "a", {"age": 1})
    for age in (1, 2):
        place.table.put("customer", "a", {"age": age})
        assert place.entities.get_many("customer", ["a"]) == {"a": {"age": age}}
    assert place.asked == []


def test_table_is_left_alone_when_the_data_are_young_enough() -> None:
    place, keeping = Place(), Keeping(seconds=10)
    place.table.put("customer", "a", {"age": 1})
    place.entities.get_many("customer", ["a"], keeping)
    place.table.put("customer", "a", {"age": 2})

    place.clock.advance(10)
    assert place.entities.get_many("customer", ["a"], keeping) == {"a": {"age": 1}}
    place.clock.advance(1)
    assert place.entities.get_many("customer", ["a"], keeping) == {"a": {"age": 2}}


def test_only_others_are_read_when_some_are_at_hand() -> None:
    place, keeping = Place(), Keeping(seconds=10)
    place.table.put_many("customer", {"a": {"n": 1}, "b": {"n": 2}})
    place.entities.get_many("customer", ["a"], keeping)

    found = place.entities.get_many("customer", ["a", "b", "c"], keeping)

    assert found == {"a": {"n": 1}, "b": {"n": 2}}
    assert place.reads == [{"a"}, {"b", "c"}]


def test_newcomer_is_found_at_once_when_there_was_none_before() -> None:
    place, keeping = Place(), Keeping(seconds=10)
    assert place.entities.get_many("customer", ["a"], keeping) == {}
    place.table.put("customer", "a", {"n": 1})
    assert place.entities.get_many("customer", ["a"], keeping) == {"a": {"n": 1}}


def test_kept_data_stay_as_they_were_when_a_caller_changes_its_own() -> None:
    place, keeping = Place(), Keeping(seconds=10)
    place.table.put("customer", "a", {"n": 1})
    mine: Any = place.entities.get_many("customer", ["a"], keeping)["a"]
    mine["n"] = 99
    assert place.entities.get_many("customer", ["a"], keeping) == {"a": {"n": 1}}


def test_lake_answers_and_the_table_keeps_it_for_a_day_when_the_table_lacks_it() -> None:
    place = Place({"entities/customer/a.json": {"age": 7}})
    keeping = Keeping(from_lake=True)

    assert place.entities.get_many("customer", ["a", "b"], keeping) == {"a": {"age": 7}}
    assert place.entities.get_many("customer", ["a"], keeping) == {"a": {"age": 7}}
    assert place.asked == ["entities/customer/a.json", "entities/customer/b.json"]
    place.clock.advance(LAKE_SECONDS + 1)
    assert place.entities.get_many("customer", ["a"]) == {}


def test_lake_is_not_asked_when_the_lookup_does_not_say_so() -> None:
    place = Place({"entities/customer/a.json": {"age": 7}})
    assert place.entities.get_many("customer", ["a"], Keeping(seconds=5)) == {}
    assert place.asked == []


def test_table_wins_when_somebody_has_written_meanwhile() -> None:
    place = Place({"entities/customer/a.json": {"age": 7}})
    place.entities.get_many("customer", ["a"], Keeping(from_lake=True))
    place.table.put("customer", "a", {"age": 8})
    place.table.add("customer", "a", {"age": 7}, seconds=60)
    assert place.table.get_many("customer", ["a"]) == {"a": {"age": 8}}


def test_answer_comes_all_the_same_when_the_table_takes_nothing() -> None:
    place = Place({"entities/customer/a.json": {"age": 7}})

    def full(*_: Any, **__: Any) -> None:
        raise UnavailableError("no")

    place.table.add = full  # type: ignore[method-assign]
    assert place.entities.get_many("customer", ["a"], Keeping(from_lake=True)) == {"a": {"age": 7}}


@pytest.mark.parametrize("content", [b"{", b"[1]", b'"x"', b'{"a":"' + b"x" * 64_000 + b'"}'])
def test_somebody_has_to_look_when_the_lake_has_something_else_there(content: bytes) -> None:
    place = Place()
    place.lake["entities/customer/a.json"] = content
    with pytest.raises(FaultError):
        place.entities.get_many("customer", ["a"], Keeping(from_lake=True))


def test_what_was_read_is_kept_when_the_time_is_up() -> None:
    table = MemoryEntities()
    lake = LakeEntities(lambda key: b'{"n":1}', seconds=-1)
    entities = LayeredEntities(table, SetClock(), lake=lambda: lake)
    with pytest.raises(UnavailableError):
        entities.get_many("customer", ["a"], Keeping(from_lake=True))


@pytest.mark.parametrize("key", ["", "..", "../x", "a/../b", "x" * 1100, "\ud800"])
def test_key_has_no_place_in_the_lake_when_no_object_can_have_it(key: str) -> None:
    assert place_in_lake("customer", key) == ""


def test_key_keeps_its_characters_when_it_has_a_place() -> None:
    assert place_in_lake("customer", "a b/ü") == "entities/customer/a b/ü.json"


def test_nothing_else_is_asked_for_when_a_lookup_says_nothing() -> None:
    columns = [{"name": "age", "dtype": "int"}]
    plain = {"entity": "customer", "key": "request.id", "columns": columns}
    assert msgspec.convert(plain, Lookup).keeping is None
    more = msgspec.convert({**plain, "keep_s": 5, "from_lake": True}, Lookup)
    assert more.keeping == Keeping(5, from_lake=True)


def test_bytes_stay_within_the_bound_when_more_comes() -> None:
    kept = KeptBytes(10_000)
    for number in range(100):
        kept.put(number, b"x" * 500, at=1.0)
        assert kept.size <= 10_000
    assert kept.get(99, since=0.0) == b"x" * 500
    assert kept.get(0, since=0.0) is None
    kept.put("large", b"x" * 20_000, at=1.0)
    assert kept.get("large", since=0.0) is None


def test_least_used_goes_first_when_there_is_no_room() -> None:
    kept = KeptBytes(2_000)
    for name in "abc":
        kept.put(name, b"x" * 100, at=1.0)
    kept.get("a", since=0.0)
    for name in "de":
        kept.put(name, b"x" * 100, at=1.0)
    assert kept.get("a", since=0.0) is not None
    assert kept.get("b", since=0.0) is None


def test_size_is_what_is_left_when_a_key_is_kept_again() -> None:
    kept = KeptBytes(10_000)
    for _ in range(50):
        kept.put("a", b"x" * 1000, at=1.0)
    assert kept.size < 2_000
