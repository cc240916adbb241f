"""Collect: reading, filtering and storing raw data."""

from __future__ import annotations

import csv
import io
import json
import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fakes.training import Training, as_csv, flower_spec, flowers
from hypothesis import given
from hypothesis import strategies as st
from servery.domain.columns import digest_columns
from servery.domain.signature import Dtype
from servery.domain.spec import Column
from servery.domain.table import Chunk, Reason, Rejection
from servery.errors import (
    DataQualityError,
    InvalidInputError,
    InvalidSpecError,
    MalformedError,
)
from servery.usecases.training.rows import RowFilter, check_column

HEADER = "length,width,colour,kind\n"
GOOD = "5.1,3.5,red,low\n"


def _collected(content: bytes | str, **data):
    spec = flower_spec()
    spec["data"] |= data
    content = content.encode() if isinstance(content, str) else content
    training = Training(spec, content)
    training.step("collect")
    return training


def _dataset(training):
    digest = training.state["collect"]["dataset"]
    return json.loads(training.store.get(f"datasets/{digest}/dataset.json"))


def _rejects(training):
    digest = training.state["collect"]["dataset"]
    text = training.store.get(f"datasets/{digest}/rejects.csv").decode()
    return [tuple(row) for row in csv.reader(io.StringIO(text))][1:]


def _columns(training):
    digest = training.state["collect"]["dataset"]
    return training.datasets.read(f"datasets/{digest}/data.npz")


def _parquet(rows, schema=None):
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), sink)
    return sink.getvalue()


def test_rows_are_stored_as_typed_columns_when_all_are_good():
    training = _collected(HEADER + GOOD + "4,2,blue,small\n")

    columns = _columns(training)
    assert columns["length"].values.tolist() == [5.1, 4.0]
    assert columns["colour"].values.tolist() == ["red", "blue"]
    result = training.state["collect"]
    assert (result["read"], result["rejected"]) == (2, 0)
    assert result["source_uri"] == training.state["spec"]["data"]["uri"]
    assert _dataset(training)["source_digest"] == result["source_digest"]


@pytest.mark.parametrize(
    "content",
    [
        "\ufeff" + HEADER + GOOD,
        HEADER.replace("\n", "\r\n") + GOOD.replace("\n", "\r\n"),
        HEADER + "\n" + GOOD + "\n\n",
        '"length","width","colour","kind"\n"5.1","3.5","red","low"\n',
        "kind,colour,width,length\nlow,red,3.50, 5.1 \n",
        (HEADER + GOOD).rstrip("\n"),
    ],
    ids=["mark", "crlf", "empty lines", "quoted", "other order and blanks", "no last newline"],
)
def test_digest_is_the_same_when_only_the_writing_differs(content):
    plain = _collected(HEADER + GOOD)

    assert _collected(content).state["collect"]["dataset"] == plain.state["collect"]["dataset"]


def test_digest_is_the_same_when_the_format_is_parquet():
    rows = flowers(40)
    by_csv = _collected(as_csv(rows))

    by_parquet = _collected(_parquet(rows), format="parquet")

    assert by_parquet.state["collect"]["dataset"] == by_csv.state["collect"]["dataset"]
    digest = by_csv.state["collect"]["dataset"]
    stored = f"datasets/{digest}/data.npz"
    assert by_parquet.store.get(stored) == by_csv.store.get(stored)


def test_digest_differs_when_a_value_or_the_order_of_rows_does():
    rows = flowers(12)
    changed = [{**rows[0], "length": 1.25}, *rows[1:]]
    contents = [as_csv(rows), as_csv(changed), as_csv(rows[::-1])]

    assert len({_collected(c).state["collect"]["dataset"] for c in contents}) == 3


def test_text_keeps_every_character_when_it_is_quoted():
    line = '5,3,red,"big, ""blue""\nand ünïcode "\n'

    training = _collected(HEADER + GOOD + line)

    assert _columns(training)["kind"].values.tolist()[1] == 'big, "blue"\nand ünïcode '


BAD_ROWS = {
    "x,3,red,low": ("length", "wrong_type"),
    "1_0,3,red,low": ("length", "wrong_type"),
    "٣,3,red,low": ("length", "wrong_type"),
    ",3,red,low": ("length", "missing"),
    "  ,3,red,low": ("length", "missing"),
    "nan,3,red,low": ("length", "not_finite"),
    "-inf,3,red,low": ("length", "not_finite"),
    "1e39,3,red,low": ("length", "out_of_range"),
    "10.5,3,red,low": ("length", "out_of_range"),
    "5,-0.1,red,low": ("width", "out_of_range"),
    "5,3,green,low": ("colour", "unknown_category"),
    "5,3, red,low": ("colour", "unknown_category"),
    "5,3,,low": ("colour", "missing"),
    "5,3,red,": ("kind", "missing"),
    "5,3,red": ("", "too_few_fields"),
    "5,3,red,low,": ("", "too_many_fields"),
    '5,3,"red"x,low': ("", "bad_quoting"),
    "x,y,green,": ("length", "wrong_type"),
}


@pytest.mark.parametrize(("line", "found"), BAD_ROWS.items(), ids=range(len(BAD_ROWS)))
def test_row_is_rejected_with_its_reason_when_it_is_bad(line, found):
    training = _collected(HEADER + GOOD + line + "\n" + GOOD)

    column, reason = found
    assert _rejects(training) == [("3", column, reason)]
    dataset = _dataset(training)
    assert (dataset["rows"], dataset["rejected"]) == (2, 1)
    assert dataset["reasons"] == {reason: 1}
    assert dataset["columns"] == {column: {reason: 1}}


def test_lines_are_those_of_the_file_when_rows_span_lines_and_chunks():
    many = GOOD * 9000
    training = _collected(HEADER + '5,3,red,"a\nb"\n' + many + "x,3,red,low\n" + GOOD)

    assert _rejects(training) == [(str(1 + 2 + 9000 + 1), "length", "wrong_type")]
    assert training.state["collect"]["read"] == 9003


def test_a_row_is_kept_when_it_is_there_twice():
    training = _collected(HEADER + GOOD * 3)

    assert _dataset(training)["rows"] == 3
    assert _dataset(training)["rejected"] == 0


def test_nothing_is_checked_or_kept_when_a_column_is_ignored():
    columns = flower_spec()["data"]["columns"]
    columns[1] = {"name": "width", "dtype": "float", "role": "ignored"}

    training = _collected(HEADER + "5,what ever,red,low\n", columns=columns)

    assert set(_columns(training)) == {"length", "colour", "kind"}


def test_a_gap_is_null_when_the_column_may_have_them():
    columns = flower_spec()["data"]["columns"]
    for column in columns[:3]:
        column["nullable"] = True

    training = _collected(HEADER + ",3,,low\n" + GOOD, columns=columns)

    stored = _columns(training)
    assert stored["length"].nulls.tolist() == [True, False]
    assert math.isnan(stored["length"].values[0])
    assert stored["colour"].values.tolist() == ["", "red"]
    assert stored["colour"].nulls.tolist() == [True, False]


def test_data_is_refused_when_more_rows_are_bad_than_allowed():
    bad = HEADER + GOOD * 8 + "x,3,red,low\n" * 2

    assert _collected(bad, max_rejected=0.2).state["collect"]["rejected"] == 2
    with pytest.raises(DataQualityError, match=r"2 of 10 rows.*10%.*wrong_type in length: 2"):
        _collected(bad, max_rejected=0.1)


def test_the_rejects_can_be_read_when_the_data_was_refused():
    training = Training(flower_spec(), (HEADER + "x,3,red,low\n").encode())

    with pytest.raises(DataQualityError, match=r"rejects\.csv") as refused:
        training.step("collect")

    key = str(refused.value).rsplit(" ", 1)[1]
    assert training.store.get(key).decode().splitlines()[1] == "2,length,wrong_type"
    assert not [key for key in training.store.objects if key.endswith("data.npz")]


def test_rejects_are_bounded_and_counts_are_not_when_many_rows_are_bad():
    columns = [Column(name="a", dtype=Dtype.FLOAT), Column(name="b", dtype=Dtype.FLOAT)]
    rows = RowFilter(columns, keep=3)
    rows.add(
        Chunk([], {"a": [], "b": []}, [Rejection(i, "", Reason.BAD_QUOTING) for i in range(9)])
    )

    assert len(rows.rejections) == 3
    assert rows.rejected == rows.read == 9


@pytest.mark.parametrize(
    ("content", "error", "sentence"),
    [
        ("length,width,kind\n5,3,low\n", InvalidInputError, "missing: 'colour'"),
        ("length,width,colour,kind,size\n", InvalidInputError, "not in the spec: 'size'"),
        ("length,width,colour,kind,kind\n", InvalidInputError, "there twice: 'kind'"),
        ("length;width;colour;kind\n5;3;red;low\n", InvalidInputError, "separated by commas"),
        (HEADER, InvalidInputError, "no rows"),
        ("", MalformedError, "empty"),
        ("\n\n", MalformedError, "empty"),
        ('"length', MalformedError, "header"),
        (HEADER + GOOD + '5,3,red,"low\n' + GOOD, MalformedError, "line 3 opens a quote"),
        (HEADER.encode() + b"5,3,red,l\xf6w\n", MalformedError, "not UTF-8"),
        ((HEADER + GOOD).encode("utf-16"), MalformedError, "UTF-16"),
        (b"\x1f\x8b\x08", MalformedError, "gzip"),
        (b"PAR1 and so on", MalformedError, "Parquet"),
    ],
)
def test_file_is_refused_when_it_is_not_what_the_spec_says(content, error, sentence):
    with pytest.raises(error, match=sentence):
        _collected(content)


def test_missing_and_unknown_columns_are_all_named_when_the_header_does_not_fit():
    with pytest.raises(InvalidInputError) as refused:
        _collected("length,wide,color,kind\n")

    fields = {(v.field, v.message) for v in refused.value.violations}
    assert fields == {
        ("width", "missing"),
        ("colour", "missing"),
        ("wide", "not in the spec"),
        ("color", "not in the spec"),
    }


def test_data_is_refused_when_it_is_not_there():
    training = Training(flower_spec(), b"")
    training.state["spec"]["data"]["uri"] = "s3://elsewhere/data.csv"

    with pytest.raises(InvalidInputError, match=r"s3://elsewhere/data\.csv is missing"):
        training.step("collect")


def test_data_is_read_when_another_bucket_lets_us():
    training = Training(flower_spec(), b"")
    training.store.elsewhere["s3://elsewhere/data.csv"] = (HEADER + GOOD).encode()
    training.state["spec"]["data"]["uri"] = "s3://elsewhere/data.csv"

    assert training.step("collect").read == 1


def test_every_broken_rule_is_told_when_the_spec_is_not_valid():
    spec = flower_spec(metric="nonsense", estimator={"class": "os.system"})

    with pytest.raises(InvalidSpecError, match=r"metric: .*estimator\.class: allowed"):
        Training(spec, b"").step("collect")


def test_parquet_rows_have_their_number_when_they_are_bad():
    rows = flowers(20)
    rows[4]["length"] = None
    rows[6]["width"] = math.nan
    rows[9]["colour"] = "green"

    training = _collected(_parquet(rows), format="parquet")

    assert _rejects(training) == [
        ("5", "length", "missing"),
        ("7", "width", "not_finite"),
        ("10", "colour", "unknown_category"),
    ]


def test_parquet_is_refused_when_a_type_does_not_fit():
    rows = [{**row, "length": "long", "kind": 3} for row in flowers(20)]

    with pytest.raises(InvalidInputError) as refused:
        _collected(_parquet(rows), format="parquet")

    assert {v.field for v in refused.value.violations} == {"length", "kind"}


@pytest.mark.parametrize("content", [b"", b"PAR1", as_csv(flowers(5)), _parquet(flowers(50))[:-90]])
def test_parquet_is_malformed_when_its_bytes_are_not_its_own(content):
    with pytest.raises(MalformedError, match="Parquet"):
        _collected(content, format="parquet")


def test_parquet_is_malformed_when_its_text_is_no_text():
    latin = pa.array(["r\xf6t".encode("latin-1")] * 20, type=pa.binary())
    broken = pa.Array.from_buffers(pa.string(), len(latin), latin.buffers())
    table = pa.Table.from_pylist(flowers(20))
    sink = io.BytesIO()
    pq.write_table(table.set_column(2, "colour", broken), sink)

    with pytest.raises(MalformedError, match="Parquet"):
        _collected(sink.getvalue(), format="parquet")


def test_categories_are_read_when_parquet_has_a_dictionary():
    table = pa.Table.from_pylist(flowers(20))
    coded = table.set_column(2, "colour", table["colour"].dictionary_encode())
    sink = io.BytesIO()
    pq.write_table(coded, sink)

    training = _collected(sink.getvalue(), format="parquet")

    assert training.state["collect"]["rejected"] == 0


WHOLE = {
    "5": 5,
    "-7": -7,
    "+7": 7,
    "5.0": 5,
    "1e3": 1000,
    " 12 ": 12,
    "0012": 12,
    "5.5": Reason.WRONG_TYPE,
    "": Reason.MISSING,
    "true": Reason.WRONG_TYPE,
    "1_000": Reason.WRONG_TYPE,
    "9" * 30: Reason.OUT_OF_RANGE,
    "nan": Reason.NOT_FINITE,
}
TRUTH = {"true": True, "False": False, "1": True, "0": False, "yes": Reason.WRONG_TYPE}


@pytest.mark.parametrize(
    ("dtype", "cell", "expected"),
    [("int", *case) for case in WHOLE.items()] + [("bool", *case) for case in TRUTH.items()],
)
def test_cell_means_what_it_says_when_it_is_read(dtype, cell, expected):
    values, bad = check_column(Column(name="a", dtype=Dtype(dtype)), [cell])

    assert (bad[0] if bad else values.values[0]) == expected


@given(st.lists(st.one_of(st.floats(), st.integers(), st.text(max_size=5)), min_size=1))
def test_a_cell_is_judged_the_same_when_others_stand_beside_it(cells):
    column = Column(name="a", dtype=Dtype.FLOAT, range=(-100, 100))
    texts = [str(cell) for cell in cells]

    together, bad = check_column(column, texts)

    for index, text in enumerate(texts):
        alone, wrong = check_column(column, [text])
        assert bad.get(index) == wrong.get(0)
        if index not in bad:
            assert together.values[index] == alone.values[0]


@given(
    st.lists(
        st.tuples(
            st.floats(0, 10), st.integers(0, 10), st.sampled_from(["red", "blue"]), st.text()
        ),
        min_size=1,
    )
)
def test_values_come_back_when_they_were_written_as_csv(rows):
    names = ["length", "width", "colour", "kind"]
    content = as_csv([dict(zip(names, row, strict=True)) for row in rows])

    training = Training(flower_spec(data={**flower_spec()["data"], "max_rejected": 1}), content)
    good = [row for row in rows if row[3]]
    if not good:
        with pytest.raises(DataQualityError):
            training.step("collect")
        return
    training.step("collect")

    stored = _columns(training)
    kept = list(zip(*(stored[name].values.tolist() for name in names), strict=True))
    assert kept == good
    assert training.state["collect"]["rejected"] == len(rows) - len(good)
    assert digest_columns(stored) == training.state["collect"]["dataset"]
