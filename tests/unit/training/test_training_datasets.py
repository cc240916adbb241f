"""Typed columns as npz files."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest
from fakes.object_store import MemoryObjectStore
from hypothesis import given
from hypothesis import strategies as st
from servery.adapters.npz_datasets import NpzDataSets, decode, encode
from servery.domain.columns import Values, digest_columns
from servery.domain.signature import Dtype
from servery.errors import ArtifactError

CELLS = st.lists(
    st.tuples(
        st.floats(allow_nan=False), st.integers(-(2**63), 2**63 - 1), st.booleans(), st.text()
    )
)


def _columns(rows):
    kinds = ((Dtype.FLOAT, "f8"), (Dtype.INT, "i8"), (Dtype.BOOL, "?"), (Dtype.STRING, "O"))
    return {
        f"a/{dtype}": Values(
            dtype,
            np.array([row[place] for row in rows], dtype=array),
            np.zeros(len(rows), dtype=np.bool_),
        )
        for place, (dtype, array) in enumerate(kinds)
    }


@given(CELLS)
def test_columns_come_back_when_they_were_written(rows):
    columns = _columns(rows)
    store = NpzDataSets(MemoryObjectStore())

    store.write("k", columns)
    found = store.read("k")

    assert found.keys() == columns.keys()
    for name, column in columns.items():
        assert found[name].dtype is column.dtype
        assert found[name].values.tolist() == column.values.tolist()
        assert found[name].values.dtype == column.values.dtype
    assert digest_columns(found) == digest_columns(columns)


def test_bytes_are_the_same_when_the_columns_are():
    columns = _columns([(1.5, 2, True, "ä"), (2.5, 3, False, "")])
    turned = dict(reversed(columns.items()))

    assert encode(columns) == encode(turned)
    assert digest_columns(columns) == digest_columns(turned)


def test_digest_differs_when_a_boundary_between_texts_moves():
    def texts(*values):
        array = np.array(values, dtype=object)
        return {"a": Values(Dtype.STRING, array, np.zeros(2, dtype=np.bool_))}

    assert digest_columns(texts("ab", "c")) != digest_columns(texts("a", "bc"))


def test_digest_differs_when_a_null_takes_the_place_of_its_filler():
    zeros = np.zeros(2, dtype=np.int64)
    known = {"a": Values(Dtype.INT, zeros, np.array([False, False]))}
    null = {"a": Values(Dtype.INT, zeros, np.array([False, True]))}

    assert digest_columns(known) != digest_columns(null)


class _Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def test_nothing_is_unpickled_when_a_file_holds_a_pickle():
    names = np.frombuffer(b'[["a","float"]]', dtype=np.uint8)
    holder = np.empty(1, dtype=object)
    holder[0] = _Bomb()
    buffer = io.BytesIO()
    np.savez(buffer, columns=names, **{"0.values": holder, "0.nulls": np.zeros(1, "?")})

    with pytest.raises(ArtifactError):
        decode(buffer.getvalue())


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", pickle.dumps([1]), encode({})[:-5]])
def test_file_is_refused_when_it_is_none_of_ours(content):
    with pytest.raises(ArtifactError):
        decode(content)
