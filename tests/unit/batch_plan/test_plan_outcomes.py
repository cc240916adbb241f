"""Plan: what becomes of each kind of file."""

from __future__ import annotations

import gzip
import json
from functools import partial

import pytest
from fakes.planning import CSV_HEADER as HEADER
from fakes.planning import CSV_ROW as ROW
from fakes.planning import PlanningDesk, csv_of
from fakes.signatures import FLOWER
from hypothesis import given
from hypothesis import strategies as st
from servery.adapters.gzip_stream import inflate
from servery.domain.batches import BatchState, outbox
from servery.domain.chunks import ChunkState
from servery.domain.manifest import Latency, RuntimeFigures
from servery.errors import ConflictError, NotFoundError, RejectedError
from servery.usecases.batch.cutting import Sizes

SMALL = Sizes(target=100, window=32, doubtful=256, longest=10_000)


@pytest.fixture
def desk():
    return PlanningDesk(sizes=SMALL)


def refusal(desk, name: str, content: bytes, **options) -> str:
    batch = desk.batch(name, content, **options)
    with pytest.raises(RejectedError) as refused:
        desk.plan(batch)
    assert desk.store.get(batch.id).state is BatchState.QUEUED
    assert desk.files.keys("outbox/") == []
    return str(refused.value)


def test_batch_runs_with_the_champion_when_it_is_planned(desk):
    batch = desk.batch("f.csv", csv_of(50))

    planned = desk.plan(batch)

    running = desk.store.get(batch.id)
    assert running.state is BatchState.RUNNING
    assert running.started == desk.clock.now().isoformat()
    assert (running.format, running.output) == ("csv", "csv")
    assert running.ref == planned.ref == desk.registry.deployment("iris").champion.ref
    assert running.server.function == planned.server == "predictor:1"
    assert running.chunks == planned.count == len(desk.chunks(planned)) > 3
    assert not running.stale_model
    assert not planned.unpack
    assert not planned.pack
    assert planned.expires_at == str(int(batch.expires))
    assert desk.rows(planned) == csv_of(50).split(b"\n", 1)[1]


def test_layout_says_what_chunks_have_in_common_when_ids_and_target_are_there():
    desk = PlanningDesk(roles={"id": ["no"], "target": ["species"], "ignored": ["note"]})
    header = f"note,site,{HEADER},species,no"
    content = csv_of(2, header, f"x,y,{ROW},setosa,7")
    batch = desk.batch("f.csv", content, id_columns=["site"])

    layout = desk.layout(desk.plan(batch))

    assert layout.header == header.split(",")
    assert layout.ids == ["site", "no"]
    assert set(layout.ignored) >= {"species", "note"}
    assert (layout.format, layout.output, layout.bucket) == ("csv", "csv", "exchange")
    assert layout.parts == f"outbox/iris/{batch.id}/part-"
    assert layout.rejects == f"batches/{batch.id}/rejects/"


def test_target_is_passed_through_when_it_is_asked_for():
    desk = PlanningDesk(roles={"target": ["species"]})
    content = csv_of(1, f"{HEADER},species", f"{ROW},setosa")

    layout = desk.layout(desk.plan(desk.batch("f.csv", content, id_columns=["species"])))

    assert layout.ids == ["species"]
    assert "species" not in layout.ignored


@pytest.mark.parametrize("name", ["f.csv", "f.jsonl"])
@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", b"  \n"])
def test_batch_is_refused_when_the_file_is_empty(desk, name, content):
    assert refusal(desk, name, content) == "the file is empty"


@pytest.mark.parametrize("name", ["f.csv.gz", "f.ndjson.gz"])
def test_batch_is_refused_when_what_is_compressed_is_empty(desk, name):
    assert refusal(desk, name, gzip.compress(b"")) == "the file is empty"


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_one_part_with_the_header_is_written_when_there_are_no_rows(desk, end, packed):
    content = (HEADER + end).encode()
    batch = desk.batch(*(("f.csv.gz", gzip.compress(content)) if packed else ("f.csv", content)))

    (result,) = desk.carry_out(desk.plan(batch))

    assert (result.state, result.rows_in, result.rows_out) == (ChunkState.DONE, 0, 0)
    part = desk.files.load(f"{outbox(desk.store.get(batch.id))}part-00000.csv")
    assert part.startswith(b"prediction,probability_setosa")
    assert part.count(b"\n") == 1


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("sepal_length,sepal_width,petal_length", "missing: 'petal_width'"),
        (f"{HEADER},site", "unknown: 'site' (name them in id_columns"),
        (f"{HEADER},petal_width", "there twice: 'petal_width'"),
        (HEADER.replace(",", ";"), "separated by commas"),
        (f'{HEADER},"x', "header cannot be read"),
        (HEADER.replace(",", "\r"), "line feed"),
        (f"\n{HEADER}", "first line is empty"),
    ],
)
def test_batch_is_refused_when_the_header_is_wrong(desk, header, told):
    assert told in refusal(desk, "f.csv", csv_of(3, header))


def test_no_value_is_told_when_the_file_has_no_header(desk):
    told = refusal(desk, "f.csv", b"5.4321098,5.4321098,Jane,0.2\n" * 3)

    assert told.startswith("none of the columns of the model is in the file")
    assert "'sepal_length', 'sepal_width'" in told
    assert "5.4321098" not in told
    assert "Jane" not in told


def test_reason_is_a_short_sentence_when_the_header_is_huge_and_hostile(desk):
    names = [f"=cmd|' /C calc'!A{n}" + "x" * 40_000 for n in range(25)]

    told = refusal(desk, "f.csv", csv_of(3, ",".join([HEADER, *names])))

    assert "unknown: " in told
    assert "and 5 more" in told
    assert len(told) < 3_000


def test_batch_is_refused_when_an_id_column_is_not_there(desk):
    assert "missing: 'site'" in refusal(desk, "f.csv", csv_of(1), id_columns=["site"])


@pytest.mark.parametrize("name", ["prediction", "probability_setosa"])
def test_batch_is_refused_when_an_id_column_has_the_name_of_an_output(desk, name):
    content = csv_of(1, f"{HEADER},{name}", f"{ROW},1")
    assert "have these names already" in refusal(desk, "f.csv", content, id_columns=[name])


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("f.txt", b"x", "does not say its format"),
        ("f", b"x", "does not say its format"),
        ("f.parquet.gz", b"x", "does not say its format"),
        ("f.csv", csv_of(1).decode().encode("utf-16"), "UTF-16"),
        ("f.csv", csv_of(1).decode().encode("utf-16-le"), "UTF-16"),
        ("f.csv", b"PK\x03\x04rest", "zip"),
        ("f.csv", gzip.compress(csv_of(1), mtime=0), "looks like gzip"),
        ("f.jsonl", b"PAR1", "Parquet"),
        ("f.jsonl", b' [{"a": 1}]', "JSON array"),
        ("f.csv.gz", csv_of(1), "not compressed"),
        ("f.parquet", csv_of(1), "no Parquet file"),
        ("f.parquet", b"PAR1 and nothing more", "no Parquet file"),
        ("f.csv", b"caf\xe9,x\n1,2\n", "header is not UTF-8"),
        ("f.csv.gz", gzip.compress(csv_of(1), mtime=0)[:-9], "truncated"),
        ("f.csv.gz", gzip.compress(csv_of(9), mtime=0)[:-6] + b"123456", "damaged"),
        ("f.csv.gz", gzip.compress(csv_of(9), mtime=0) + b"more", "damaged"),
        ("f.jsonl", b"x" * 20_000, "longer than 10,000"),
    ],
)
def test_batch_is_refused_when_the_file_is_something_else(desk, name, content, told):
    assert told in refusal(desk, name, content)


def test_batch_is_refused_when_its_header_never_ends(desk):
    assert "longer than 1,048,576" in refusal(desk, "f.csv", b"x" * 2_000_000)


def test_batch_is_refused_when_a_compressed_file_is_a_bomb(desk):
    desk.inflate = partial(inflate, most=1_000_000)
    bomb = gzip.compress(b"0\n" * 2_000_000)

    assert len(bomb) < 10_000
    assert "more than the 1,000,000 bytes" in refusal(desk, "f.jsonl.gz", bomb)


def test_mark_is_skipped_when_the_file_begins_with_one(desk):
    planned = desk.plan(desk.batch("f.csv", b"\xef\xbb\xbf" + csv_of(2)))
    assert desk.layout(planned).header == HEADER.split(",")

    lines = (json.dumps(FLOWER) + "\n").encode()
    planned = desk.plan(desk.batch("f.jsonl", b"\xef\xbb\xbf" + lines))
    assert desk.rows(planned) == lines


def test_names_are_read_in_any_case_when_they_say_the_format(desk):
    batch = desk.batch("A.CSV.GZ", gzip.compress(csv_of(1)))
    assert desk.plan(batch).count == 1


def test_batch_is_refused_when_nothing_of_the_model_is_released(desk):
    desk.registry._history.clear()
    batch = desk.batch("f.csv", csv_of(1))
    with pytest.raises(NotFoundError, match="released"):
        desk.plan(batch)


def test_batch_keeps_its_version_when_the_file_is_replaced_before_it_is_planned(desk):
    batch = desk.batch("f.csv", csv_of(5))
    desk.files.drop("inbox/iris/f.csv", csv_of(9))

    planned = desk.plan(batch)

    assert desk.rows(planned).count(b"\n") == 5
    assert {chunk.version_id for chunk in desk.chunks(planned)} == {batch.source.version_id}


def test_batch_says_so_when_the_file_is_replaced_and_there_are_no_versions():
    desk = PlanningDesk()
    desk.files.versioned = False
    batch = desk.batch("f.csv", csv_of(5))
    desk.files.drop("inbox/iris/f.csv", csv_of(9))

    with pytest.raises(ConflictError, match="no longer what it was"):
        desk.plan(batch)


def test_model_is_flagged_when_it_is_older_than_the_spec_allows(desk):
    desk.clock.advance(91 * 86_400)
    batch = desk.batch("f.csv", csv_of(1))
    desk.plan(batch)

    assert desk.store.get(batch.id).stale_model


def test_big_file_is_planned_by_reading_less_than_a_hundredth():
    desk = PlanningDesk()
    content = csv_of(100_000_000 // (len(ROW) + 1))
    batch = desk.batch("f.csv", content)

    planned = desk.plan(batch)

    read = sum(end - start for _, start, end in desk.files.reads)
    assert read < len(content) / 100
    chunks = desk.chunks(planned)
    assert 10 < planned.count < 15
    assert [c.start for c in chunks[1:]] == [c.end for c in chunks[:-1]]
    assert (chunks[0].start, chunks[-1].end) == (len(HEADER) + 1, len(content))


def test_chunks_are_smaller_when_the_model_is_slow():
    slow = Latency(p50_ms=20_000, p99_ms=20_000)
    figures = {"onnx": RuntimeFigures(one_row=slow, thousand_rows=slow, load_ms=1, size_bytes=1)}
    content = csv_of(40_000)

    desk = PlanningDesk(figures=figures)
    planned = desk.plan(desk.batch("f.csv", content))

    assert max(c.end - c.start for c in desk.chunks(planned)) < 100_000  # not 8 MB


@given(rows=st.lists(st.text(alphabet='a,"\n é', max_size=12), min_size=1, max_size=40))
def test_pieces_hold_every_row_when_a_compressed_file_has_members(rows):
    desk = PlanningDesk(roles={"id": ["note"]}, sizes=SMALL)
    quoted = ['"' + row.replace('"', '""') + '"' for row in rows]
    lines = [f"{ROW},{note}\n" for note in quoted]
    texts = [f"{HEADER},note\n", *lines]
    content = b"".join(gzip.compress(text.encode()) for text in texts) + b"\0" * 7
    batch = desk.batch("f.csv.gz", content)

    planned = desk.plan(batch)

    assert desk.rows(planned) == "".join(lines).encode()
    results = desk.carry_out(planned)
    assert sum(result.rows_in for result in results) == len(rows)
    assert desk.layout(planned).exact
    assert all(
        chunk.key.startswith(f"batches/{batch.id}/staged/") for chunk in desk.chunks(planned)
    )
