"""What the port of batches promises, held by the fake and by the adapter alike."""

from __future__ import annotations

import msgspec
import pytest
from fakes.batches import MemoryBatchStore
from fakes.dynamodb_server import TABLES
from fakes.records import a_ref, a_server
from servery.adapters.dynamodb_batches import DynamoDbBatches
from servery.domain.batches import Batch, BatchState, Source, change, order_of, run_again
from servery.domain.chunks import ChunkResult, ChunkState, chunk_name
from servery.errors import ConflictError, NotFoundError
from servery.ports import BatchStore


@pytest.fixture(params=["memory", *TABLES])
def kind(request):
    return request.param


@pytest.fixture
def client(kind, monkeypatch):
    if kind == "memory":
        yield None
        return
    with TABLES[kind](monkeypatch, "JobsTable", "jobs") as made:
        yield made


@pytest.fixture
def store(client):
    return MemoryBatchStore() if client is None else DynamoDbBatches(client, "jobs")


@pytest.fixture
def keep(store, client):
    """Keeps a chunk's result as the state machine does."""

    def keep(batch_id, result):
        if client is None:
            store.keep_result(batch_id, result)
            return
        client.put_item(
            TableName="jobs",
            Item={
                "pk": {"S": f"batch#{batch_id}"},
                "sk": {"S": f"chunk#{result.name}"},
                "doc": {"S": msgspec.json.encode(result).decode()},
                "expires_at": {"N": "1800000000"},
            },
        )

    return keep


def a_source(key="inbox/iris/a.csv", **changes):
    return Source(**({"bucket": "b", "key": key, "etag": "e" * 32, "size": 10} | changes))


def a_batch(number=0, **changes):
    values = {
        "id": f"{number:024x}",
        "model": "iris",
        "state": BatchState.QUEUED,
        "created": f"2026-03-01T12:00:{number:02d}.000000+00:00",
        "expires": 1_800_000_000.5,
        "source": a_source(f"inbox/iris/{number}.csv", etag=f"{number:032x}"),
    }
    return Batch(**(values | changes))


def test_it_fits_the_port(store):
    port: BatchStore = store
    assert port.page("iris", None, limit=1, before="") == []


class TestRecords:
    def test_a_batch_comes_back_whole_when_it_was_added(self, store):
        batch = a_batch(ref=a_ref(), server=a_server(), format="parquet", rows_in=3)
        assert store.add(batch) == batch
        assert store.get(batch.id) == batch

    @pytest.mark.parametrize("batch_id", ["f" * 24, "", "x" * 5000, "ü", "\ud800", "a#b"])
    def test_not_found_when_there_is_none(self, store, batch_id):
        with pytest.raises(NotFoundError):
            store.get(batch_id)

    def test_the_first_is_given_back_when_it_is_added_again(self, store):
        first = store.add(a_batch())
        assert store.add(a_batch(reason="another")) == first
        store.put(change(first, state=BatchState.RUNNING))
        assert store.add(a_batch()).state is BatchState.RUNNING

    def test_a_writer_loses_when_its_revision_is_stale(self, store):
        first = store.add(a_batch())
        second = change(first, reason="one")
        store.put(second)
        for stale in (second, change(first, reason="two"), msgspec.structs.replace(first)):
            with pytest.raises(ConflictError):
                store.put(stale)
        with pytest.raises(ConflictError):
            store.put(change(a_batch(1)))
        assert store.get(first.id) == second


class TestLists:
    def test_pages_are_newest_first_when_there_are_several(self, store):
        batches = [store.add(a_batch(number)) for number in range(5)]
        store.add(a_batch(9, model="wine"))
        page = store.page("iris", None, limit=2, before="")
        assert page == batches[:2:-1]
        assert store.page("iris", None, limit=9, before=order_of(page[-1])) == batches[2::-1]

    def test_only_those_in_the_state_come_when_one_is_given(self, store):
        first, second = store.add(a_batch(1)), store.add(a_batch(2))
        running = change(first, state=BatchState.RUNNING)
        store.put(running)
        assert store.page("iris", BatchState.RUNNING, limit=9, before="") == [running]
        assert store.page("iris", BatchState.QUEUED, limit=9, before="") == [second]
        assert store.page("iris", BatchState.FAILED, limit=9, before="") == []


class TestContent:
    def test_the_newest_over_the_content_is_found_when_another_comes(self, store):
        first = store.add(a_batch(1, source=a_source("a")))
        assert store.of_object("iris", a_source("a")) is None
        assert store.of_object("iris", a_source("b")) == first
        second = store.add(a_batch(2, source=a_source("b")), earlier=first)
        assert store.of_object("iris", a_source("c")) == second
        assert store.of_object("iris", a_source("c", size=11)) is None
        assert store.of_object("iris", a_source("c", etag="f" * 32)) is None
        assert store.of_object("wine", a_source("c")) is None

    def test_conflict_when_another_was_added_meanwhile(self, store):
        first = store.add(a_batch(1, source=a_source("a")))
        with pytest.raises(ConflictError):
            store.add(a_batch(2, source=a_source("b")))
        with pytest.raises(NotFoundError):
            store.get(a_batch(2).id)
        store.add(a_batch(2, source=a_source("b")), earlier=first)
        with pytest.raises(ConflictError):
            store.add(a_batch(3, source=a_source("c")), earlier=first)

    def test_the_stored_one_is_given_back_when_it_is_there_and_the_newest(self, store):
        batch = a_batch(1)
        store.add(batch)
        assert store.add(batch) == batch
        assert store.add(batch, earlier=None) == batch

    @pytest.mark.parametrize("state", [BatchState.SKIPPED, BatchState.FAILED])
    def test_one_that_was_over_from_the_start_does_not_count(self, store, state):
        first = store.add(a_batch(1, source=a_source("a")))
        over = a_batch(2, source=a_source("b"), state=state)
        assert store.add(over) == over
        assert store.of_object("iris", a_source("c")) == first

    def test_it_is_as_it_is_now_when_it_has_changed(self, store):
        first = store.add(a_batch(1, source=a_source("a")))
        failed = change(first, state=BatchState.FAILED)
        store.put(failed)
        store.put(run_again(failed))
        assert store.of_object("iris", a_source("b")) == run_again(failed)


class TestResults:
    def test_they_come_by_name_when_they_were_kept_in_any_order(self, store, keep):
        names = [chunk_name(number) for number in (2, 10, 0)]
        for name in names:
            keep("b" * 24, ChunkResult(name=name, state=ChunkState.DONE, rows_in=1))
        keep("c" * 24, ChunkResult(name="00007", state=ChunkState.FAILED))
        assert [r.name for r in store.results("b" * 24)] == ["00000", "00002", "00010"]

    def test_the_last_counts_when_a_chunk_was_run_again(self, store, keep):
        keep("b" * 24, ChunkResult(name="00000", state=ChunkState.FAILED))
        keep("b" * 24, ChunkResult(name="00000", state=ChunkState.DONE))
        assert [r.state for r in store.results("b" * 24)] == [ChunkState.DONE]

    def test_they_are_gone_when_they_are_forgotten(self, store, keep):
        store.add(a_batch())
        for number in range(3):
            keep(a_batch().id, ChunkResult(name=chunk_name(number), state=ChunkState.DONE))
        store.forget_results(a_batch().id, ["00000", "00002", "00009"])
        assert [r.name for r in store.results(a_batch().id)] == ["00001"]
        assert store.get(a_batch().id) == a_batch()

    def test_all_come_when_they_fill_several_pages(self, store, keep):
        long = "x" * 300_000  # a page of a query has 1 MB
        for number in range(8):
            keep("b" * 24, ChunkResult(name=chunk_name(number), state="failed", reason=long))
        assert len(list(store.results("b" * 24))) == 8


def test_the_last_look_is_remembered_when_it_was_made(store):
    assert store.last_look("iris") == ""
    store.keep_look("iris", "2026-03-01")
    store.keep_look("iris", "2026-03-02")
    assert (store.last_look("iris"), store.last_look("wine")) == ("2026-03-02", "")
