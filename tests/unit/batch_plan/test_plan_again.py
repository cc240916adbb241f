"""Plan, not for the first time: after a crash, when boundaries were wrong, for another run."""

from __future__ import annotations

import gzip

import pytest
from fakes.batches import MemoryBatchStore, MemoryFiles
from fakes.planning import CSV_HEADER as HEADER
from fakes.planning import CSV_ROW as ROW
from fakes.planning import VERSIONS, PlanningDesk, csv_of
from msgspec.structs import replace
from servery.domain.batches import Batch, outbox
from servery.domain.chunks import ChunkState
from servery.domain.policies import Policies, RoutingPolicy
from servery.errors import ConflictError, InvalidInputError
from servery.usecases.batch.cutting import Sizes
from servery.usecases.batch.messages import PlanEvent
from servery.usecases.batch.plan import plan

SMALL = Sizes(target=100, window=32, doubtful=256, longest=10_000)


class KilledError(Exception):
    """The process is gone."""


class DyingFiles(MemoryFiles):
    """Dies before it writes a file with this name."""

    dies_at = ""

    def put(self, key: str, content: bytes) -> None:
        if self.dies_at and key.endswith(self.dies_at):
            raise KilledError
        super().put(key, content)


class DyingStore(MemoryBatchStore):
    """Dies before it writes a record, when it is told to."""

    dies = False

    def put(self, batch: Batch) -> None:
        if self.dies:
            raise KilledError
        super().put(batch)


@pytest.fixture
def desk():
    return PlanningDesk(sizes=SMALL)


def test_rows_are_found_by_reading_all_when_the_boundaries_were_wrong():
    """The windows see a table within quotes: what is in them looks like rows throughout."""
    desk = PlanningDesk(roles={"id": ["note"]}, sizes=SMALL)
    inner = f"{ROW},x\n" * 40
    content = f'{HEADER},note\n{ROW},"{inner}"\n{ROW},"{inner}"\n{ROW},z\n'.encode()
    batch = desk.batch("f.csv", content)
    planned = desk.plan(batch)
    results = desk.carry_out(planned)
    assert not desk.layout(planned).exact
    assert ChunkState.MISALIGNED in {result.state for result in results}
    for result in results:
        desk.store.keep_result(batch.id, result)
    first = desk.store.get(batch.id)

    planned = desk.plan(batch, exact=True)

    assert desk.layout(planned).exact
    assert list(desk.store.results(batch.id)) == []
    parts = desk.files.keys(f"{outbox(first)}part-")
    assert parts == []
    results = desk.carry_out(planned)
    assert [r.state for r in results] == [ChunkState.DONE] * planned.count
    assert sum(result.rows_out for result in results) == 3
    assert desk.store.get(batch.id).ref == first.ref


@pytest.mark.parametrize("before", range(1, 10))
def test_rows_are_found_by_reading_all_when_quotes_within_cells_make_them_even(before):
    """An inch in a cell beside the quote that a wrong boundary leaves open."""
    desk = PlanningDesk(roles={"id": ["note"]}, sizes=SMALL)
    inner = f"{ROW},x\n" * 8
    rows = [f"{ROW},x"] * before + [f'{ROW},5" pipe', f'{ROW},"{inner}"', f'{ROW},6" pipe']
    batch = desk.batch("f.csv", "\n".join([f"{HEADER},note", *rows, ""]).encode())
    results = desk.carry_out(desk.plan(batch))

    if all(result.state is ChunkState.DONE for result in results):
        assert sum(result.rows_out for result in results) == len(rows)
    else:
        again = desk.carry_out(desk.plan(batch, exact=True))
        assert [result.state for result in again] == [ChunkState.DONE] * len(again)
        assert sum(result.rows_out for result in again) == len(rows)


def test_file_is_read_whole_at_once_when_windows_have_led_astray_before(desk):
    batch = desk.batch("f.csv", csv_of(50))
    desk.plan(batch)
    first = desk.chunks(desk.plan(batch, exact=True))
    desk.again(batch, whole=True)

    planned = desk.plan(batch)

    assert desk.layout(planned).exact
    assert desk.chunks(planned) == first


def test_result_is_the_same_when_it_is_planned_twice(desk):
    batch = desk.batch("f.csv", csv_of(50))
    first = desk.plan(batch)
    chunks, record = desk.chunks(first), desk.store.get(batch.id)

    second = desk.plan(batch)

    assert desk.chunks(second) == chunks
    assert desk.store.get(batch.id) == record
    assert (second.ref, second.server, second.count) == (first.ref, first.server, first.count)


@pytest.mark.parametrize("at", ["layout.json", "chunks.json", "record"])
@pytest.mark.parametrize("before", ["new", "misaligned", "all of it again"])
def test_plan_is_whole_when_it_is_done_again_after_a_crash(at, before):
    files, store = DyingFiles(), DyingStore()
    desk = PlanningDesk(sizes=SMALL, files=files, store=store)
    batch = desk.batch("f.csv", csv_of(50))
    if before != "new":
        for result in desk.carry_out(desk.plan(batch)):
            desk.store.keep_result(batch.id, result)
    if before == "all of it again":
        desk.again(batch, whole=True)
    exact = before == "misaligned"
    files.dies_at, store.dies = at, at == "record"
    with pytest.raises(KilledError):
        desk.plan(batch, exact=exact)

    files.dies_at, store.dies = "", False
    planned = desk.plan(batch, exact=exact)

    assert desk.rows(planned) == csv_of(50).split(b"\n", 1)[1]
    assert desk.store.get(batch.id).chunks == planned.count
    assert list(desk.store.results(batch.id)) == []
    assert desk.files.keys("outbox/") == []


def test_batch_is_cut_anew_when_an_exact_plan_broke_off_for_good():
    """Else the earlier, wrong boundaries would be taken for exact ones."""
    files = DyingFiles()
    desk = PlanningDesk(sizes=SMALL, files=files)
    batch = desk.batch("f.csv", csv_of(50))
    desk.plan(batch)
    desk.keep(batch, "00000", ChunkState.MISALIGNED)
    files.dies_at = "chunks.json"
    with pytest.raises(KilledError):
        desk.plan(batch, exact=True)
    files.dies_at = ""
    desk.again(batch)

    planned = desk.plan(batch)

    assert desk.layout(planned).exact
    assert planned.chunks.key.endswith("/chunks.json")
    assert desk.rows(planned) == csv_of(50).split(b"\n", 1)[1]


def test_only_chunks_that_are_not_done_run_when_a_batch_is_resumed(desk):
    batch = desk.batch("f.csv", csv_of(50))
    first = desk.plan(batch)
    names = [chunk.name for chunk in desk.chunks(first)]
    for name in names[:-2]:
        desk.keep(batch, name)
    desk.keep(batch, names[-2], ChunkState.FAILED)
    desk.again(batch)
    desk.release(VERSIONS[1])

    second = desk.plan(batch)

    assert second.chunks.key == f"batches/{batch.id}/chunks-2.json"
    assert [chunk.name for chunk in desk.chunks(second)] == names[-2:]
    assert (second.run, second.count) == (2, 2)
    assert (second.ref, second.server) == (first.ref, first.server)
    assert {r.name for r in desk.store.results(batch.id)} == set(names[:-2])
    assert desk.store.get(batch.id).chunks == len(names)


@pytest.mark.parametrize("gone", ["chunks.json", "layout.json", "staged/00001.csv"])
def test_file_is_cut_anew_when_what_failed_chunks_need_is_removed_with_time(desk, gone):
    rows = csv_of(400)
    batch = desk.batch("f.csv.gz", gzip.compress(rows))
    first = desk.plan(batch)
    for result in desk.carry_out(first):
        state = ChunkState.DONE if result.name == "00000" else ChunkState.FAILED
        desk.keep(batch, result.name, state)
    desk.again(batch)
    desk.release(VERSIONS[1])
    desk.files.delete([f"batches/{batch.id}/{gone}"])

    second = desk.plan(batch)

    assert second.chunks.key.endswith("/chunks.json")
    assert desk.rows(second) == rows.split(b"\n", 1)[1]
    assert list(desk.store.results(batch.id)) == []
    assert (second.ref, second.server) == (first.ref, first.server)


def test_nothing_is_handed_out_when_all_chunks_of_a_resumed_batch_are_done(desk):
    batch = desk.batch("f.csv", csv_of(5))
    for chunk in desk.chunks(desk.plan(batch)):
        desk.keep(batch, chunk.name)
    desk.again(batch)

    assert desk.plan(batch).count == 0


def test_resumed_batch_is_refused_when_its_model_is_no_longer_served(desk):
    batch = desk.batch("f.csv", csv_of(5))
    desk.plan(batch)
    desk.again(batch)
    desk.release(VERSIONS[1])
    desk.release(VERSIONS[2])

    with pytest.raises(InvalidInputError, match="no longer served; run all of it again"):
        desk.plan(batch)


def test_no_batch_begins_when_its_model_is_switched_off_and_one_that_has_begun_goes_on(desk):
    begun, new = desk.batch("f.csv", csv_of(5)), desk.batch("g.csv", csv_of(6))
    desk.plan(begun)
    before = desk.registry.deployment("iris")
    off = Policies(routing=RoutingPolicy(active=False))
    revision = before.revision + 1
    desk.registry.put_deployment(replace(before, revision=revision, policies=off))
    desk.again(begun)

    assert desk.plan(begun).count
    with pytest.raises(
        InvalidInputError, match=r"switched off; switch it on .* run the batch again"
    ):
        desk.plan(new)


def test_everything_of_the_last_run_is_cleared_when_all_of_it_runs_again(desk):
    batch = desk.batch("f.csv", csv_of(50))
    for result in desk.carry_out(desk.plan(batch)):
        desk.store.keep_result(batch.id, result)
    where = outbox(desk.store.get(batch.id))
    desk.files.put(f"{where}_SUCCESS", b"")
    desk.again(batch, whole=True)
    desk.release(VERSIONS[1])

    planned = desk.plan(batch)

    assert planned.server == "predictor:2"
    assert desk.files.keys(where) == []
    assert list(desk.store.results(batch.id)) == []


def test_plan_is_refused_when_another_run_has_begun(desk):
    batch = desk.batch("f.csv", csv_of(5))
    desk.plan(batch)
    desk.again(batch)

    with pytest.raises(ConflictError):
        plan(PlanEvent(batch=batch.id, run=1), desk.ports)
