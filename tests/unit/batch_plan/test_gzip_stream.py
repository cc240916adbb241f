"""Gzip: any content comes back in bounded blocks; what is truncated, damaged or a bomb does not."""

from __future__ import annotations

import gzip
import io
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servery.adapters.gzip_stream import inflate
from servery.errors import InvalidInputError, TooLargeError


@given(
    members=st.lists(st.binary(max_size=3000), min_size=1, max_size=5),
    block=st.integers(1, 400),
    padding=st.integers(0, 20),
)
def test_content_comes_back_when_a_file_has_any_members(members, block, padding):
    stream = io.BytesIO(b"".join(map(gzip.compress, members)) + b"\0" * padding)

    blocks = list(inflate(stream, block=block))

    assert b"".join(blocks) == b"".join(members)
    assert all(0 < len(each) <= block for each in blocks)
    assert stream.closed


LAST = gzip.compress(b"some rows\n" * 3)


@pytest.mark.parametrize("cut", range(1, len(LAST)))
def test_it_is_refused_when_it_is_truncated_anywhere(cut):
    whole = gzip.compress(b"first") + LAST

    with pytest.raises(InvalidInputError, match="truncated"):
        list(inflate(io.BytesIO(whole[:-cut])))


def test_it_is_refused_when_its_checksum_is_wrong():
    content = bytearray(gzip.compress(b"some rows\n" * 300))
    content[-6] ^= 1

    with pytest.raises(InvalidInputError, match="damaged"):
        list(inflate(io.BytesIO(content)))


def test_little_is_held_when_a_bomb_goes_off():
    bomb = gzip.compress(b"0" * 200_000_000, compresslevel=9)
    tracemalloc.start()
    with pytest.raises(TooLargeError, match="more than the 100,000,000 bytes"):
        for _ in inflate(io.BytesIO(bomb), most=100_000_000):
            pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 8_000_000
