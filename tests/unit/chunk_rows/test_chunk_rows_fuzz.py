"""The quick and the careful reading agree, and both with a plain one by the standard library."""

from __future__ import annotations

import csv
import io
import json
import math

import numpy as np
from fakes.layouts import layout
from fakes.signatures import GUESTS
from hypothesis import example, given
from hypothesis import strategies as st
from servery.adapters.chunk_rows import RowReader
from servery.adapters.chunk_rows.csv_careful import CarefulCsv
from servery.adapters.chunk_rows.csv_places import CsvPlaces
from servery.adapters.chunk_rows.csv_quick import QuickCsv
from servery.adapters.chunk_rows.json_careful import CarefulJson
from servery.adapters.chunk_rows.json_quick import QuickJson
from servery.domain.inputs import Columns
from servery.domain.rows import Rows
from servery.domain.serving import Limits
from servery.domain.signature import Dtype, Field, Output, Signature, Task
from servery.edge.inference import Codec
from servery.errors import RejectedError

SIGNATURE = Signature(
    task=Task.REGRESSION,
    inputs=[
        Field(name="a", dtype=Dtype.FLOAT, minimum=-5, maximum=0.1),
        Field(name="b", dtype=Dtype.INT, nullable=True),
        Field(name="c", dtype=Dtype.STRING, categories=["x", "y,z"], nullable=True),
        Field(name="d", dtype=Dtype.BOOL, nullable=True),
        Field(name="e", dtype=Dtype.FLOAT, nullable=True),
    ],
    output=Output(name="y", dtype=Dtype.FLOAT),
)
HEADER = ["id", "a", "b", "c", "d", "e", "rest"]
FILE = layout(header=HEADER, ids=["id"], ignored=["rest"], exact=True)
COLUMNS = Columns(SIGNATURE)
PLACES = CsvPlaces.of(COLUMNS, FILE)

numbers = st.one_of(
    st.floats(width=64).map(repr),
    st.integers(-(10**20), 10**20).map(str),
    st.from_regex(r"[+-]?[0-9]{0,20}\.?[0-9]{0,20}([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.sampled_from(["0.1", "0.10000000149011612", "0.1000000015", "-5", "-5.0000001", "1e400"]),
)
oddities = st.sampled_from(
    [
        "",
        " ",
        "nan",
        "inf",
        "null",
        "true",
        "False",
        "0",
        "1",
        "x",
        '"y,z"',
        '"y,z',
        '"',
        '""',
        "[1]",
    ]
)
texts = st.text(st.sampled_from('ab",;\n\r é\0{}[]:1.'), max_size=6)
quoted = texts.map(lambda text: '"' + text.replace('"', '""') + '"')
cells = st.one_of(numbers, oddities, texts, quoted)
tidy = st.tuples(
    st.sampled_from(["7", "g", "é", '"h, i"', '"j\nk"', "=1+1"]),
    st.floats(-5, 0.1).map(repr),
    st.one_of(st.just(""), st.integers(-(2**53), 2**53).map(str)),
    st.sampled_from(["x", '"y,z"', ""]),
    st.sampled_from(["0", "1", "true", "False", ""]),
    st.one_of(st.just(""), st.floats(width=32, allow_nan=False, allow_infinity=False).map(repr)),
    st.sampled_from(["", "9", "any text"]),
).map(list)
rows = st.one_of(tidy, st.lists(cells, min_size=6, max_size=8), st.just([]))
ends = st.sampled_from(["\n", "\n", "\r\n"])
files = st.lists(st.tuples(rows, ends), max_size=12).map(
    lambda pairs: "".join(",".join(row) + end for row, end in pairs)
)
tidy_files = st.lists(tidy, min_size=1, max_size=12).map(
    lambda found: "".join(",".join(row) + "\n" for row in found)
)


def plain(rows: Rows) -> tuple[object, ...]:
    """Everything about rows in a form that compares."""
    numeric = None if rows.numeric is None else rows.numeric.tobytes()
    zero = None if rows.numeric is None else (rows.numeric + np.float32(0)).tobytes()
    text = None if rows.text is None else rows.text.tolist()
    told = [(r.line, r.column, r.reason) for r in rows.rejected]
    assert numeric is None or len(numeric) == len(zero or b"")
    return zero, text, rows.ids, rows.starts.tolist(), told, rows.rows_in, rows.lines


@given(tidy_files)
def test_quick_reading_equals_the_careful_one_when_rows_are_good(text):
    content = text.encode()
    quick = QuickCsv(COLUMNS, PLACES).read(content, 1)
    careful, used = CarefulCsv(COLUMNS, PLACES).read(content, 1, last=True)

    assert quick is not None
    assert used == len(content)
    assert plain(quick) == plain(careful)


@given(files)
@example("1,0.0,1,x,1,1e999,\n")
@example('a,0,1,x,"1",1,\n')
def test_quick_reading_doubts_or_agrees_when_rows_are_anything(text):
    content = text.encode()
    quick = QuickCsv(COLUMNS, PLACES).read(content, 5)
    careful, used = CarefulCsv(COLUMNS, PLACES).read(content, 5, last=True)

    if quick is not None and content:
        assert used == len(content)
        assert plain(quick) == plain(careful)


@given(files, st.integers(1, 40))
def test_rows_are_the_same_when_the_blocks_are_others(text, block):
    whole = RowReader(SIGNATURE, FILE, block=10**6).read(text.encode())
    parts = RowReader(SIGNATURE, FILE, block=block).read(text.encode())

    assert plain(whole) == plain(parts)


@given(st.binary(max_size=80), st.integers(1, 40))
def test_every_row_is_good_or_told_when_the_bytes_are_anything(content, block):
    found = RowReader(SIGNATURE, FILE, block=block).read(content)

    assert found.rows_in == found.good + len(found.rejected)
    assert found.lines == content.count(b"\n") + (not content.endswith(b"\n") and bool(content))


@given(files)
def test_good_rows_are_those_of_a_plain_reading_when_it_can_read_the_file(text):
    try:
        found = list(csv.reader(io.StringIO(text, newline="\n"), strict=True))
    except csv.Error:
        return
    expected = [row for row in found if row and is_good(row)]

    ours = RowReader(SIGNATURE, FILE).read(text.encode())

    assert ours.rows_in == sum(1 for row in found if row)
    assert ours.ids == ([row[0] for row in expected],)
    assert ours.text is not None
    assert ours.text[:, 0].tolist() == [row[3] for row in expected]
    assert ours.numeric is not None
    floats = [math.nan if not row[5].strip() else float(row[5]) for row in expected]
    np.testing.assert_array_equal(ours.numeric[:, 3], np.array(floats, np.float32))


def is_good(row: list[str]) -> bool:
    return (
        len(row) == len(HEADER)
        and in_range(row[1], -5, float(np.float32(0.1)))
        and (not row[2].strip() or is_whole(row[2]))
        and row[3] in ("x", "y,z", "")
        and row[4].strip().lower() in ("", "0", "1", "true", "false")
        and (not row[5].strip() or in_range(row[5], -3.4028235e38, 3.4028234663852886e38))
    )


def in_range(cell: str, low: float, high: float) -> bool:
    try:
        return "_" not in cell and cell.isascii() and low <= float(cell) <= high
    except ValueError:
        return False


def is_whole(cell: str) -> bool:
    if not in_range(cell, -(2.0**63), 2.0**63):
        return False
    try:
        return -(2**63) <= int(cell) < 2**63
    except ValueError:
        return float(cell).is_integer() and abs(float(cell)) <= 2**53


json_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.sampled_from(["de", "fr", "it", "", 'a "b" \\', "\0", "\ud800"]),
    st.integers(0, 3),
    st.lists(st.integers(), max_size=2),
)


@given(st.data())
def test_json_rows_are_good_when_and_only_when_a_request_with_them_is(data):
    names = [field.name for field in GUESTS.inputs]
    kept = data.draw(st.lists(st.sampled_from([*names, "other"]), max_size=7))
    good = {
        "age (years)": 4,
        "country": None,
        "weight": 1.5,
        "vip": True,
        "remark": "r",
        "stars": 1,
    }
    record = data.draw(
        st.one_of(
            st.just(good),
            st.fixed_dictionaries(
                {name: st.one_of(json_values, st.just(good[name])) for name in names}
            ),
            st.fixed_dictionaries(dict.fromkeys(kept, json_values)),
        )
    )
    line = json_text(record)
    try:
        question = Codec(GUESTS, Limits()).decode(b'{"records":[' + line + b"]}")
    except RejectedError:
        question = None
    file = layout(format="jsonl")
    ours = RowReader(GUESTS, file).read(line + b"\n")
    careful, _ = CarefulJson(Columns(GUESTS), file).read(line + b"\n", 1, last=True)
    quick = QuickJson(Columns(GUESTS), file).read(line + b"\n", 1)

    assert plain(ours) == plain(careful)
    assert ours.good == (0 if question is None else 1)
    if question is not None:
        assert quick is not None
        assert ours.numeric is not None
        assert ours.text is not None
        np.testing.assert_array_equal(ours.numeric, question.numeric)
        assert question.text is not None
        assert ours.text.tolist() == question.text.tolist()


def json_text(value: object) -> bytes:
    return json.dumps(value).encode()
