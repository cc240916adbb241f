"""Where rows begin: for any CSV, cut by windows or exactly, no row is torn, lost or told twice."""

from __future__ import annotations

import csv
import io
from itertools import pairwise
from random import Random

import pytest
from fakes.batches import MemoryFiles
from hypothesis import example, given
from hypothesis import strategies as st
from servery.domain.boundaries import line_start, row_start
from servery.domain.row_splitter import RowSplitter, runs
from servery.errors import InvalidInputError, TooLargeError
from servery.usecases.batch.cutting import Sizes, cut_by_windows, cut_exactly

CELLS = st.text(alphabet='ab,"\n\r1é ', max_size=8)
WILD = st.text(alphabet='a,"\n\r', max_size=60)


@st.composite
def tables(draw):
    """Rows of one width, and a CSV file of them in some dialect with some empty lines."""
    width = draw(st.integers(1, 4))
    rows = draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=25))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    quoting = draw(st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]))
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=quoting, lineterminator=end)
    for row in rows:
        writer.writerow(row)
        if draw(st.booleans()):
            text.write(end)
    content = text.getvalue()
    if draw(st.booleans()):
        content = content.removesuffix(end)
    return width, content.encode()


def parsed(content: bytes) -> list[list[str]]:
    lines = io.StringIO(content.decode(), newline="\n")
    return [row for row in csv.reader(lines, strict=True) if row]


def pieces_of(content: bytes, ends: list[int]) -> list[bytes]:
    return [content[start:end] for start, end in pairwise([0, *ends])]


def blocks_of(content: bytes, size: int) -> list[bytes]:
    return [content[start : start + size] for start in range(0, len(content), size)]


def small(target: int) -> Sizes:
    return Sizes(target=target, window=8, doubtful=64, longest=10_000)


@given(table=tables(), block=st.integers(1, 20), size=st.integers(1, 40))
def test_no_row_is_torn_when_everything_is_read(table, block, size):
    _, content = table
    splitter = RowSplitter(quoted=True)

    ends = [*cut_exactly(blocks_of(content, block), splitter, 0, size)]

    pieces = pieces_of(content, ends)
    assert b"".join(pieces) == content
    assert all(pieces)
    assert [row for piece in pieces for row in parsed(piece)] == parsed(content)


@given(table=tables(), target=st.integers(1, 60))
@example(table=(2, b'"a\n","b"\n"c\n","d"\n'), target=3)
def test_rows_are_whole_or_the_quotes_tell_when_only_windows_are_read(table, target):
    width, content = table
    files = MemoryFiles()
    source = files.drop("inbox/m/f.csv", content)

    ends = [*cut_by_windows(files, source, 0, small(target), width=width)]

    pieces = pieces_of(content, ends)
    assert b"".join(pieces) == content
    assert all(pieces)
    if all(piece.count(b'"') % 2 == 0 for piece in pieces):
        assert [row for piece in pieces for row in parsed(piece)] == parsed(content)


@given(text=WILD, block=st.integers(1, 20))
@example(text='a"b\n"c\nd"', block=3)
@example(text='"a"b"\n"c\nd"\n', block=3)
@example(text='a\r"\n"b\nc"\n', block=1)
def test_rows_end_where_a_reader_ends_them_when_quotes_are_broken(text, block):
    content = text.encode()

    pieces = [*runs(blocks_of(content, block), RowSplitter(quoted=True))]

    assert b"".join(pieces) == content
    starts = row_starts(text)
    position = 0
    for piece in pieces:
        assert position in starts
        position += len(piece)


def row_starts(text: str) -> set[int]:
    """Where a strict reader that goes on behind bad rows begins to read one."""
    lines = io.StringIO(text, newline="\n").readlines()
    reader = csv.reader(iter(lines), strict=True)
    starts = {0}
    while reader.line_num < len(lines):
        starts.add(sum(map(len, lines[: reader.line_num])))
        try:
            next(reader)
        except StopIteration:
            break
        except csv.Error:
            continue
    return starts


def test_splitter_goes_on_when_a_row_is_broken():
    splitter = RowSplitter(quoted=True)

    assert splitter.feed(b'"a"b"\n1,2\n"c') == b'"a"b"\n1,2\n'
    assert splitter.rest() == b'"c'


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("seed", range(5))
def test_windows_are_enough_when_text_is_as_people_write_it(seed, end):
    """Comments of several lines, with commas and quotes: each boundary is right at once."""
    chance = Random(seed)  # noqa: S311 - no secret
    words = ["fine", "so, so", 'he said "no"', "first\nsecond", "a\n\nb,c\n", ""]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=end)
    for number in range(3_000):
        comment = " ".join(chance.choices(words, k=chance.randint(1, 5)))
        writer.writerow([number, comment, chance.random()])
    content = text.getvalue().encode()
    files = MemoryFiles()
    source = files.drop("inbox/m/f.csv", content)
    sizes = Sizes(target=1_000, window=500, doubtful=4_000)

    pieces = pieces_of(content, [*cut_by_windows(files, source, 0, sizes, width=3)])

    assert len(pieces) > 100
    assert all(piece.count(b'"') % 2 == 0 for piece in pieces)
    assert [row for piece in pieces for row in parsed(piece)] == parsed(content)


@given(
    rows=st.lists(st.binary(max_size=20).map(lambda b: b.replace(b"\n", b"")), max_size=30),
    target=st.integers(1, 60),
)
def test_lines_are_whole_when_each_newline_ends_a_row(rows, target):
    content = b"\n".join(rows)
    files = MemoryFiles()
    source = files.drop("inbox/m/f.jsonl", content)

    ends = [*cut_by_windows(files, source, 0, small(target))]

    pieces = pieces_of(content, ends)
    assert b"".join(pieces) == content
    assert all(piece.endswith(b"\n") for piece in pieces[:-1])


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (b"5,6\n7,8\n9,10\n", 4),
        (b'x"\n"a","b"\n"c","d"\n', 3),  # the end of a quoted field, then rows
        (b'more,of\nthe,text",b\n1,2\n3,4\n', 20),  # all of it within quotes up to the third line
        (b'of\nthe\ntext",b\n1,2\n', 15),
        (b'"a\n","b"\n"c","d"\n', 9),
        (b"no newline", None),
    ],
)
def test_row_start_is_found_by_consistency_when_the_window_has_one(window, expected):
    assert row_start(window, 2, final=True) == expected


def test_a_larger_window_is_wanted_when_it_does_not_tell():
    assert row_start(b'a\nb"\nc', 2, final=False) is None
    assert row_start(b'a\nb"\nc', 2, final=True) is not None


def test_line_start_is_none_when_there_is_no_newline():
    assert line_start(b"abc") is None
    assert line_start(b"abc\nd") == 4


def test_row_is_refused_when_it_is_longer_than_the_bound():
    splitter = RowSplitter(quoted=True, longest=100)

    with pytest.raises(InvalidInputError, match="longer than 100 bytes, near byte 4"):
        list(runs([b"1,2\n", b'"' + b"x\n" * 60], splitter))


@pytest.mark.parametrize("before", [0, 3, 20, 200])
def test_line_is_refused_when_windows_only_see_parts_of_it(before):
    """Wherever in the line the byte that is aimed at happens to be."""
    files = MemoryFiles()
    content = b"1,2\n" * 2 + b"x" * 400 + b"\n" + b"1,2\n" * 400
    source = files.drop("inbox/m/f.csv", content)
    sizes = Sizes(target=8 + before, window=8, doubtful=64, longest=300)

    with pytest.raises(InvalidInputError, match="longer than 300 bytes"):
        list(cut_by_windows(files, source, 0, sizes, width=2))


def test_a_row_is_guessed_when_the_longest_line_is_shorter_than_the_largest_look():
    """Else the same window would be looked at for ever."""
    files = PatientFiles()
    source = files.drop("inbox/m/f.csv", b'a\nb"\nc,d\n' * 100)
    sizes = Sizes(target=50, window=8, doubtful=1_000_000, longest=64)

    ends = [*cut_by_windows(files, source, 0, sizes, width=2)]

    assert ends[-1] == source.size


class PatientFiles(MemoryFiles):
    """Is read so often and no more."""

    def read(self, source, start, end):
        assert len(self.reads) < 1_000
        return super().read(source, start, end)


def test_chunks_grow_when_there_would_be_too_many():
    files = MemoryFiles()
    source = files.drop("inbox/m/f.csv", b"1,2\n" * 10_000)

    ends = [*cut_by_windows(files, source, 0, Sizes(target=8, window=8, most=10), width=2)]

    assert len(ends) <= 10


def test_file_is_refused_when_its_chunks_would_be_too_large():
    files = MemoryFiles()
    source = files.drop("inbox/m/f.csv", b"1,2\n" * 100)
    sizes = Sizes(target=8, window=8, most=10, largest=39)

    with pytest.raises(TooLargeError, match="400 bytes, more than the 390 of one batch"):
        list(cut_by_windows(files, source, 0, sizes, width=2))
