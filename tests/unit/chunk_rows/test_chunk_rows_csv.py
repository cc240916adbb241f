"""CSV chunks: what is a row, what its cells mean, and what is wrong with the bad ones."""

from __future__ import annotations

import numpy as np
import pytest
from fakes.layouts import layout
from fakes.signatures import GUESTS, boxes
from servery.adapters.chunk_rows import RowReader
from servery.domain.chunks import Layout
from servery.domain.rows import LONGEST_ROW, Rows
from servery.domain.signature import Dtype, Signature

HEADER = ["guest", "age (years)", "country", "weight", "vip", "remark", "stars", "spend"]
GOOD = "g1,40,de,71.5,true,hello,2,1"
GUEST_FILE = layout(header=HEADER, ids=["guest"], ignored=["spend"])
TWO = boxes([Dtype.FLOAT, Dtype.FLOAT])
TWO_FILE = layout(header=["id", "x0", "x1"], ids=["id"])


def read(
    content: str | bytes, signature: Signature = GUESTS, file: Layout = GUEST_FILE, **options: int
) -> Rows:
    raw = content.encode() if isinstance(content, str) else content
    return RowReader(signature, file, **options).read(raw)


def faults(rows: Rows) -> list[tuple[int, str, str]]:
    return [(r.line, r.column, str(r.reason)) for r in rows.rejected]


def guest(**changes: str) -> str:
    cells = dict(zip(HEADER, GOOD.split(","), strict=True))
    return ",".join({**cells, **changes}.values())


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_values_are_typed_when_every_row_is_good(end):
    rows = read(f"{GOOD}\n{guest(guest='007', country='', weight='', vip='FALSE')}{end}")

    assert rows.numeric is not None
    assert rows.text is not None
    assert rows.numeric.dtype == np.float32
    np.testing.assert_array_equal(rows.numeric, [[40, 71.5, 1, 2], [40, np.nan, 0, 2]])
    assert rows.text.tolist() == [["de", "hello"], ["", "hello"]]
    assert rows.ids == (["g1", "007"],)
    assert rows.starts.tolist() == [1, 2]
    assert (rows.rows_in, rows.good, rows.lines, rows.aligned) == (2, 2, 2, True)


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("age (years)", "", "missing"),
        ("age (years)", "  ", "missing"),
        ("age (years)", "abc", "wrong_type"),
        ("age (years)", "4.5", "wrong_type"),
        ("age (years)", "1_0", "wrong_type"),
        ("age (years)", "٤", "wrong_type"),
        ("age (years)", "131", "out_of_range"),
        ("age (years)", "nan", "not_finite"),
        ("age (years)", "null", "wrong_type"),
        ("age (years)", "[4]", "wrong_type"),
        ("age (years)", "true", "wrong_type"),
        ("weight", "nan", "not_finite"),
        ("weight", "-Infinity", "not_finite"),
        ("weight", "1e39", "out_of_range"),
        ("weight", "1e999", "not_finite"),
        ("weight", "null", "wrong_type"),
        ("weight", "0x10", "wrong_type"),
        ("vip", "", "missing"),
        ("vip", "yes", "wrong_type"),
        ("vip", "2", "wrong_type"),
        ("vip", "1.0", "wrong_type"),
        ("country", "it", "unknown_category"),
        ("remark", "", "missing"),
        ("remark", "a\0b", "wrong_type"),
        ("stars", "4", "unknown_category"),
        ("stars", "2.5", "wrong_type"),
    ],
)
def test_row_is_rejected_with_its_column_when_a_cell_is_bad(column, cell, reason):
    rows = read(f"{GOOD}\n{guest(**{column: cell})}\n{guest(guest='g3')}\n")

    assert faults(rows) == [(2, column, reason)]
    assert rows.ids == (["g1", "g3"],)
    assert rows.starts.tolist() == [1, 3]
    assert rows.rows_in == 3


@pytest.mark.parametrize(
    ("column", "cell", "value"),
    [
        ("age (years)", " 40 ", 40),
        ("age (years)", "+40", 40),
        ("age (years)", "040", 40),
        ("age (years)", "5.0", 5),
        ("age (years)", "4e1", 40),
        ("weight", ".5", 0.5),
        ("weight", "5.", 5),
        ("weight", "\t7", 7),
        ("weight", "1E-3", 0.001),
        ("weight", "0.1", 0.1),
        ("weight", "-0", 0),
        ("vip", "True", 1),
        ("vip", " tRUE ", 1),
        ("vip", "1", 1),
        ("stars", "2.0", 2),
    ],
)
def test_cell_is_a_number_when_training_reads_it_as_one(column, cell, value):
    rows = read(f"{guest(**{column: cell})}\n")

    place = ["age (years)", "weight", "vip", "stars"].index(column)
    assert rows.rejected == []
    assert rows.numeric is not None
    assert rows.numeric[0, place] == np.float32(value)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("a,1", "too_few_fields"),
        ("a,1,2,3", "too_many_fields"),
        (" ", "too_few_fields"),
        ('a,"1"x,2', "bad_quoting"),
        ("a,1\r9,2", "bad_quoting"),
        (b"a\xff,1,2", "not_utf8"),
        (b"a\xed\xa0\x80,1,2", "not_utf8"),
        (b"a" * LONGEST_ROW + b",1,2", "too_long"),
        ('"' + "a\n" * LONGEST_ROW + '",1,2', "too_long"),
    ],
)
def test_row_is_rejected_as_a_whole_when_it_is_no_row(line, reason):
    bad = line if isinstance(line, bytes) else line.encode()
    rows = read(b"g,1,2\n" + bad + b"\nh,3,4\n", TWO, TWO_FILE)

    assert faults(rows) == [(2, "", reason)]
    assert rows.ids == (["g", "h"],)
    assert rows.numeric is not None
    assert rows.numeric.tolist() == [[1, 2], [3, 4]]
    assert rows.starts.tolist() == [1, 3 + bad.count(b"\n")]


def test_lines_are_counted_through_quoted_newlines_when_fields_have_them():
    content = '"a\nb",1,2\n"c, ""d""",3,4\r\n"e\r\nf",x,5\n\ng,6,7\n'
    rows = read(content, TWO, TWO_FILE)

    assert rows.ids == (["a\nb", 'c, "d"', "g"],)
    assert rows.starts.tolist() == [1, 3, 7]
    assert faults(rows) == [(4, "x0", "wrong_type")]
    assert rows.lines == 7


def test_quotes_in_the_middle_of_a_field_are_text_when_it_does_not_begin_with_one():
    rows = read('5"x"6,1,2\n', TWO, TWO_FILE)

    assert rows.ids == (['5"x"6'],)


def test_only_its_own_line_is_lost_when_a_quote_is_never_closed():
    rows = read(
        'a,1,2\n"b,3,4\nc,5,6\n', TWO, layout(header=["id", "x0", "x1"], ids=["id"], exact=True)
    )

    assert faults(rows) == [(2, "", "bad_quoting")]
    assert rows.ids == (["a", "c"],)
    assert rows.lines == 3


@pytest.mark.parametrize("exact", [True, False])
def test_chunk_is_not_aligned_when_a_quote_is_open_and_the_layout_not_exact(exact):
    rows = read('a,1,2\n"b,3,4\n', TWO, layout(header=["id", "x0", "x1"], ids=["id"], exact=exact))

    assert rows.aligned is exact
    assert rows.good == (1 if exact else 0)
    assert rows.rows_in == (2 if exact else 0)


@pytest.mark.parametrize("content", ["", "\n", "\r\n\n", "\n\n\n"])
def test_there_are_no_rows_when_there_are_only_empty_lines(content):
    rows = read(content)

    assert (rows.rows_in, rows.good, rows.rejected) == (0, 0, [])
    assert rows.lines == content.count("\n")
    assert rows.numeric is not None
    assert rows.numeric.shape == (0, 4)
    assert rows.text is not None
    assert rows.text.shape == (0, 2)
    assert rows.ids == ([],)


def test_empty_lines_are_skipped_when_the_file_has_one_column():
    signature = boxes([Dtype.FLOAT])
    rows = read("1\n\n2\n", signature, layout(header=["x0"]))

    assert rows.starts.tolist() == [1, 3]
    assert rows.numeric is not None
    assert rows.numeric.tolist() == [[1], [2]]


def test_first_bad_column_of_the_signature_is_told_when_there_are_several():
    rows = read(f"{guest(stars='9', country='it')}\n")

    assert faults(rows) == [(1, "country", "unknown_category")]


def test_input_is_passed_through_as_well_when_it_is_an_id_column():
    rows = read("1,2.50\n", TWO, layout(header=["x0", "x1"], ids=["x1"]))

    assert rows.ids == (["2.50"],)
    assert rows.numeric is not None
    assert rows.numeric.tolist() == [[1, 2.5]]


def test_bad_rows_keep_their_order_when_the_chunk_has_many_blocks():
    lines = [f"{i},{i},{'x' if i % 7 == 3 else i}" for i in range(2000)]
    rows = read("\n".join(lines), TWO, TWO_FILE, block=512)

    assert [r.line for r in rows.rejected] == [i + 1 for i in range(2000) if i % 7 == 3]
    assert rows.starts.tolist() == [i + 1 for i in range(2000) if i % 7 != 3]
    assert rows.ids[0] == [str(line - 1) for line in rows.starts.tolist()]
    assert rows.lines == 2000
