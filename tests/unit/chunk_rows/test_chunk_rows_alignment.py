"""Chunks that are all aligned have the rows of the file, wherever it was cut and whatever it is."""

from __future__ import annotations

from itertools import pairwise

import pytest
from fakes.layouts import layout
from fakes.signatures import boxes
from hypothesis import example, given
from hypothesis import strategies as st
from servery.adapters.chunk_rows import RowReader
from servery.domain.rows import Rows
from servery.domain.signature import Dtype

ONE = boxes([Dtype.FLOAT])
HEADER = ["id", "x0"]
LINES = st.text(alphabet='a1,"\n\r', max_size=80)


def read(content: bytes, *, exact: bool, block: int = 64) -> Rows:
    file = layout(header=HEADER, ids=["id"], exact=exact)
    return RowReader(ONE, file, block=block).read(content)


def told(rows: Rows, before: int = 0) -> list[tuple[int, str]]:
    """Each row by its line: its id, or why it is rejected."""
    good = zip(rows.starts.tolist(), rows.ids[0], strict=True)
    bad = ((each.line, str(each.reason)) for each in rows.rejected)
    return sorted((line + before, what) for line, what in [*good, *bad])


def pieces_of(content: bytes, cuts: list[int]) -> list[bytes]:
    """The content, cut behind some of its line feeds."""
    feeds = [at + 1 for at, byte in enumerate(content) if byte == ord("\n")]
    ends = sorted({feeds[cut % len(feeds)] for cut in cuts} if feeds else ())
    return [content[a:b] for a, b in pairwise([0, *ends, len(content)]) if a < b]


@given(text=LINES, cuts=st.lists(st.integers(0, 30), max_size=4), block=st.integers(4, 64))
@example(text='5" pipe,1\n"of\na,1\n",1\n6" pipe,1\n', cuts=[1], block=64)
@example(text='"a"b"\n"c\nd",1\n', cuts=[1], block=8)
def test_rows_are_those_of_the_file_when_every_chunk_is_aligned(text, cuts, block):
    content = text.encode()
    pieces = pieces_of(content, cuts)

    chunks = [read(piece, exact=False, block=block) for piece in pieces]

    if all(chunk.aligned for chunk in chunks):
        found, before = [], 0
        for chunk, piece in zip(chunks, pieces, strict=True):
            found += told(chunk, before)
            before += piece.count(b"\n")
        assert found == told(read(content, exact=True))


def test_chunk_is_not_aligned_when_even_quotes_hide_that_one_is_open():
    """An inch in a cell and a quote that opens are two, but no pair."""
    first, second = b'5" pipe,1\n"of\n', b'a,1\n",1\n6" pipe,1\n'
    assert first.count(b'"') % 2 == second.count(b'"') % 2 == 0

    rows = read(first, exact=False)

    assert not rows.aligned
    assert (rows.rows_in, rows.good, rows.rejected) == (0, 0, [])


@pytest.mark.parametrize("exact", [True, False])
def test_chunk_is_aligned_when_a_quote_within_a_cell_is_odd(exact):
    """Nothing is open, so nobody has to read the whole file for it."""
    rows = read(b'5" pipe,1\na,2\n', exact=exact)

    assert rows.aligned
    assert rows.ids == (['5" pipe', "a"],)
