"""Rejected rows of all chunks in one file, by the lines of the whole input."""

from __future__ import annotations

import csv

import msgspec
import pytest
from fakes.batches import MemoryFiles
from servery.domain.batches import Batch, BatchState, Source
from servery.domain.chunks import ChunkResult, ChunkState
from servery.usecases.batch.rejects import merged, piece_key

BATCH = Batch(
    id="b",
    model="iris",
    state=BatchState.RUNNING,
    created="",
    expires=0,
    source=Source(bucket="exchange", key="inbox/iris/a", etag="e", size=1),
    format="csv",
)


def a_result(name, rejected=0, *, rows=10, lines=10):
    return ChunkResult(
        name=name,
        state=ChunkState.DONE,
        rows_in=rows,
        rows_out=rows - rejected,
        rows_rejected=rejected,
        lines=lines,
    )


@pytest.fixture
def files():
    made = MemoryFiles("exchange")
    for name, rows in {
        "00000": [(1, "a,b", "missing")],
        "00002": [(2, 'say "x"', "wrong_type"), (9, "", "not_utf8")],
    }.items():
        lines = [{"line": n, "column": column, "reason": why} for n, column, why in rows]
        piece = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        made.put(piece_key(BATCH, name), piece)
    return made


def lines_of(batch, results, files):
    return b"".join(merged(batch, results, files)).decode().splitlines()


RESULTS = [a_result("00000", 1), a_result("00001", lines=17), a_result("00002", 2)]


def test_lines_are_those_of_the_file_when_rows_span_several(files):
    assert lines_of(BATCH, RESULTS, files) == [
        "line,column,reason",
        '2,"a,b",missing',
        '30,"say ""x""",wrong_type',
        "37,,not_utf8",
    ]


@pytest.mark.parametrize(("kind", "third"), [("jsonl", "29"), ("parquet", "22")])
def test_no_header_is_counted_when_the_format_has_none(files, kind, third):
    batch = msgspec.structs.replace(BATCH, format=kind)
    found = [line.split(",")[0] for line in lines_of(batch, RESULTS, files)]
    assert found[1] == "1"
    assert found[2] == third


def test_only_pieces_of_chunks_with_rejected_rows_are_read_when_merged(files):
    pieces = merged(BATCH, RESULTS, files)
    assert len(list(pieces)) == 3


@pytest.mark.parametrize("name", ['=HYPERLINK("http://x")', "+1", "-1", "@SUM(1)", "\t=1"])
def test_an_unknown_name_is_no_formula_when_the_rows_are_read_by_a_spreadsheet(files, name):
    row = {"line": 1, "column": name, "reason": "unknown_field"}
    files.put(piece_key(BATCH, "00000"), msgspec.json.encode(row) + b"\n")

    told = lines_of(BATCH, [a_result("00000", 1)], files)[1]

    assert next(csv.reader([told]))[1] == f"'{name}"
