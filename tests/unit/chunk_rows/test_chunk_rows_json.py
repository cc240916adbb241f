"""Chunks of JSON lines: what is a row, and what is wrong with the bad ones."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from fakes.layouts import layout
from fakes.signatures import GUEST, GUESTS, boxes
from servery.adapters.chunk_rows import RowReader
from servery.domain.chunks import Layout
from servery.domain.rows import LONGEST_ROW, Rows
from servery.domain.signature import Dtype

GUEST_FILE = layout(format="jsonl", ids=["guest"], ignored=["spend"])


def read(content: str | bytes, file: Layout = GUEST_FILE) -> Rows:
    raw = content.encode() if isinstance(content, str) else content
    return RowReader(GUESTS, file).read(raw)


def line(**changes: Any) -> str:
    return json.dumps({"guest": 1, **GUEST, **changes})


def test_values_are_typed_when_every_row_is_good():
    rows = read(f"{line()}\n{line(guest=None, country=None, weight=None, spend=[1])}\r\n")

    assert rows.numeric is not None
    assert rows.text is not None
    np.testing.assert_array_equal(rows.numeric, [[40, 71.5, 1, 2], [40, np.nan, 1, 2]])
    assert rows.text.tolist() == [["de", GUEST["remark"]], ["", GUEST["remark"]]]
    assert rows.starts.tolist() == [1, 2]
    assert (rows.rows_in, rows.lines, rows.rejected) == (2, 2, [])


def test_ids_are_as_they_were_written_when_they_pass_through():
    ids = ['"007"', "1e2", "12345678901234567890123", '{"a": [1.0, null]}', '"\\u00e9\\n"', "null"]
    content = "\n".join(line().replace('"guest": 1', f'"guest": {each}') for each in ids)

    assert read(content).ids == (ids,)
    assert read(content + "\n{}").ids == (ids,)


@pytest.mark.parametrize(
    ("bad", "column", "reason"),
    [
        ("{", "", "not_json"),
        ("[]", "", "not_json"),
        ("7", "", "not_json"),
        ("{} {}", "", "not_json"),
        ("[" * 100_000, "", "not_json"),
        (b'{"guest": "\xff"}', "", "not_utf8"),
        (b'{"guest": "' + b"a" * LONGEST_ROW + b'"}', "", "too_long"),
        (line(other=1), "other", "unknown_field"),
        (line()[:-1] + ', "vip": true}', "vip", "field_twice"),
        (line()[:-1] + ', "guest": 1}', "guest", "field_twice"),
        (json.dumps(GUEST), "guest", "missing"),
        (json.dumps({"guest": 1}), "age (years)", "missing"),
        (line(vip=None), "vip", "missing"),
        (line(vip=1), "vip", "wrong_type"),
        (line(weight="71.5"), "weight", "wrong_type"),
        (line(weight=float("nan")), "weight", "not_finite"),
        (line(stars=7), "stars", "unknown_category"),
        (line(country=""), "country", "unknown_category"),
        (line(**{"age (years)": 4.5}), "age (years)", "wrong_type"),
        (line(**{"age (years)": 10**400}), "age (years)", "out_of_range"),
        (line(spend=float("nan")), "", "not_json"),
    ],
)
def test_row_is_rejected_with_its_reason_when_it_is_bad(bad, column, reason):
    raw = bad if isinstance(bad, bytes) else bad.encode()
    rows = read(line().encode() + b"\n\n" + raw + b"\n" + line(guest=2).encode())

    assert [(r.line, r.column, str(r.reason)) for r in rows.rejected] == [(3, column, reason)]
    assert rows.ids == (["1", "2"],)
    assert rows.starts.tolist() == [1, 4]
    assert rows.lines == 4


def test_input_is_passed_through_as_well_when_it_is_an_id_column():
    file = layout(format="jsonl", ids=["x1", "x0"])
    rows = RowReader(boxes([Dtype.FLOAT, Dtype.FLOAT]), file).read(b'{"x0":1,"x1":2.50}\n')

    assert rows.ids == (["2.50"], ["1"])
    assert rows.numeric is not None
    assert rows.numeric.tolist() == [[1, 2.5]]


@pytest.mark.parametrize("content", ["", "\n", " \n\t\r\n"])
def test_there_are_no_rows_when_there_are_only_empty_lines(content):
    rows = read(content)

    assert (rows.rows_in, rows.good, rows.rejected, rows.ids) == (0, 0, [], ([],))
    assert rows.lines == content.count("\n")
