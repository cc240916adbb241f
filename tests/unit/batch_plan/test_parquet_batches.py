"""Parquet in and out: planned by row groups, unpacked to text, packed with the types it had."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import json
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fakes.batches import MemoryFiles
from fakes.planning import PlanningDesk
from fakes.signatures import FLOWERS, GUEST, GUESTS, boxes
from hypothesis import example, given
from hypothesis import strategies as st
from servery.adapters.chunk_rows import RowReader
from servery.domain.chunks import ChunkState
from servery.domain.signature import Dtype, Field, Output, Signature, Task
from servery.errors import ConflictError, RejectedError
from servery.usecases.batch.cutting import Sizes

NAMES = [field.name for field in FLOWERS.inputs]


def flowers(rows: int, **more) -> dict:
    return {name: [5.1 + row % 7 / 10 for row in range(rows)] for name in NAMES} | more


def parquet(columns: dict, group: int = 1_000_000, **options) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, row_group_size=group, **options)
    return sink.getvalue()


def parts(desk, results, suffix: str = "parquet") -> list[bytes]:
    keys = [key for key in desk.files.keys("outbox/") if key.endswith(suffix)]
    assert len(keys) == len(results)
    return [desk.files.load(key) for key in keys]


def table_of(desk, results) -> pa.Table:
    return pa.concat_tables(pq.read_table(io.BytesIO(part)) for part in parts(desk, results))


def ran(desk, batch):
    results = desk.carry_out(desk.plan(batch))
    assert {result.state for result in results} == {ChunkState.DONE}
    return results


def refusal(desk, content: bytes, **options) -> str:
    with pytest.raises(RejectedError) as refused:
        desk.plan(desk.batch("f.parquet", content, **options))
    return str(refused.value)


def test_small_row_groups_go_together_and_large_ones_are_cut_when_planned():
    # 16 bytes a row at the least: groups of 10 rows are small, one of 1,000 is large.
    desk = PlanningDesk(sizes=Sizes(target=2_000))
    table = pa.table(flowers(1_200))
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, table.schema, use_dictionary=False) as writer:
        for start, rows in ((0, 10), (10, 10), (20, 10), (30, 1_000), (1030, 10), (1040, 160)):
            writer.write_table(table.slice(start, rows))
    batch = desk.batch("f.parquet", sink.getvalue())

    planned = desk.plan(batch)

    chunks = desk.chunks(planned)
    assert (chunks[0].groups, chunks[0].rows) == ((0, 3), (0, 30))
    cut = [chunk for chunk in chunks if chunk.groups == (3, 4)]
    assert len(cut) > 3
    assert [c.rows[0] for c in cut[1:]] == [c.rows[1] for c in cut[:-1]]
    assert (cut[0].rows[0], cut[-1].rows[1]) == (0, 1_000)
    assert planned.unpack
    assert planned.pack
    results = desk.carry_out(planned)
    assert sum(result.rows_in for result in results) == 1_200


def test_rows_and_order_are_those_of_the_file_when_it_was_cut_many_times():
    desk = PlanningDesk(sizes=Sizes(target=700, rows=40))
    content = parquet(flowers(1_000, no=range(1_000)), group=90)
    results = ran(desk, desk.batch("f.parquet", content, id_columns=["no"]))

    table = table_of(desk, results)

    assert len(results) > 20
    assert table.column("no").to_pylist() == list(range(1_000))
    assert table.column_names[:2] == ["no", "prediction"]
    assert table.schema.field("probability_setosa").type == pa.float64()


def test_ids_keep_their_types_when_the_parts_are_parquet():
    ids = {
        "big": pa.array([2**63 - 1, None, 3], pa.int64()),
        "at": pa.array(
            [dt.datetime(2026, 3, 1, 12, 0, 0, 1), None, None], pa.timestamp("us", "UTC")
        ),
        "money": pa.array([Decimal("1.10"), None, Decimal("-3.00")], pa.decimal128(10, 2)),
        "text": pa.array(["", None, 'a "b"\n,c'], pa.large_string()),
        "kind": pa.array(["x", None, "x"]).dictionary_encode(),
        "day": pa.array([dt.date(2026, 1, 1), None, None], pa.date32()),
        "real": pa.array([0.1, float("nan"), None], pa.float64()),
        "yes": pa.array([True, None, False]),
    }
    desk = PlanningDesk()
    results = ran(desk, desk.batch("f.parquet", parquet(flowers(3, **ids)), id_columns=[*ids]))

    table = table_of(desk, results)

    for name, column in ids.items():
        assert table.schema.field(name).type == column.type, name
        assert str(table.column(name).to_pylist()) == str(column.to_pylist()), name


def test_ids_stay_with_their_rows_when_some_rows_are_rejected():
    desk = PlanningDesk()
    columns = flowers(5, no=[10, 11, 12, 13, 14])
    columns["petal_width"] = [1.0, None, 2.0, 99.0, 3.0]
    (result,) = ran(desk, desk.batch("f.parquet", parquet(columns), id_columns=["no"]))

    assert (result.rows_in, result.rows_out, result.rows_rejected) == (5, 3, 2)
    assert table_of(desk, [result]).column("no").to_pylist() == [10, 12, 14]


def test_bad_rows_are_told_by_their_number_when_text_has_line_ends():
    desk = PlanningDesk(signature=GUESTS)
    guests = [GUEST | {"remark": "a\nb\n"}] * 3 + [GUEST | {"stars": 9}] + [GUEST] * 2
    guests.append(GUEST | {"remark": None})
    columns = {name: [guest[name] for guest in guests] for name in GUEST}
    (result,) = ran(desk, desk.batch("f.parquet", parquet(columns)))

    pieces = desk.files.load(f"batches/{desk.store.all()[0].id}/rejects/00000.jsonl")
    told = [json.loads(line) for line in pieces.splitlines()]
    assert [(each["line"], each["column"]) for each in told] == [(4, "stars"), (7, "remark")]
    assert result.lines == result.rows_in == 7


def test_ids_are_text_when_the_parts_are_not_parquet():
    ids = {
        "at": pa.array([dt.datetime(2026, 3, 1, 12)], pa.timestamp("s")),
        "money": pa.array([Decimal("1.10")], pa.decimal128(10, 2)),
        "no": [7],
    }
    desk = PlanningDesk()
    batch = desk.batch("f.parquet", parquet(flowers(1, **ids)), id_columns=[*ids], output="csv")
    results = ran(desk, batch)

    (part,) = parts(desk, results, "csv")
    assert part.splitlines()[1].startswith(b"2026-03-01 12:00:00.000,1.10,7,setosa,")

    desk = PlanningDesk()
    results = ran(
        desk,
        desk.batch("g.parquet", parquet(flowers(1, **ids)), id_columns=[*ids], output="jsonl"),
    )
    (part,) = parts(desk, results, "jsonl")
    assert json.loads(part)["money"] == "1.10"


@pytest.mark.parametrize("name", ["f.csv", "f.jsonl"])
def test_parts_are_parquet_when_text_comes_in(name):
    desk = PlanningDesk()
    rows = [dict.fromkeys(NAMES, 1.5) | {"site": site} for site in ("a", 'b,"', "")]
    if name == "f.csv":
        text = io.StringIO()
        writer = csv.DictWriter(text, [*NAMES, "site"])
        writer.writeheader()
        writer.writerows(rows)
        content = text.getvalue().encode()
    else:
        content = "\n".join(map(json.dumps, rows)).encode()
    results = ran(desk, desk.batch(name, content, id_columns=["site"], output="parquet"))

    table = table_of(desk, results)

    assert table.column("site").to_pylist() == ["a", 'b,"', ""]
    assert table.column("prediction").to_pylist() == ["setosa"] * 3
    assert desk.files.keys("outbox/")[0].endswith("part-00000.parquet")


def test_result_tells_of_the_part_when_it_was_packed():
    desk = PlanningDesk()
    (result,) = ran(desk, desk.batch("f.parquet", parquet(flowers(4))))

    (part,) = parts(desk, [result])
    assert (result.bytes, result.digest) == (len(part), hashlib.sha256(part).hexdigest())


def test_bytes_are_the_same_when_a_chunk_is_done_again():
    def once():
        desk = PlanningDesk()
        content = parquet(flowers(100, no=range(100)))
        return parts(desk, ran(desk, desk.batch("f.parquet", content, id_columns=["no"])))

    assert once() == once()


@pytest.mark.parametrize("rows", [0, 1])
def test_one_part_has_all_columns_when_there_are_hardly_any_rows(rows):
    desk = PlanningDesk()
    batch = desk.batch(
        "f.parquet", parquet(_typed(flowers(rows, no=["a"] * rows))), id_columns=["no"]
    )
    results = ran(desk, batch)

    table = table_of(desk, results)
    assert table.num_rows == rows
    assert table.schema.field("no").type == pa.string()
    assert table.schema.field("prediction").type == pa.string()


def _typed(columns: dict) -> dict:
    kinds = {"no": pa.string()}
    return {name: pa.array(cells, kinds.get(name, pa.float32())) for name, cells in columns.items()}


@pytest.mark.parametrize(
    ("changes", "options", "told"),
    [
        (
            {"petal_width": ["a", "b"]},
            {},
            "'petal_width' is string in the file, float in the model",
        ),
        ({"petal_width": [[1.0], [2.0]]}, {}, "'petal_width' is list<element: double> in the file"),
        ({"more": [1, 2]}, {}, "unknown: 'more'"),
        (
            {"more": [[1], [2]]},
            {"id_columns": ["more"]},
            "'more' is list<element: int64>, which cannot be passed through",
        ),
        (
            {"more": [{"a": 1}] * 2},
            {"id_columns": ["more"]},
            "'more' is struct<a: int64>, which cannot be passed through",
        ),
        ({"more": [b"a", b"b"]}, {"id_columns": ["more"]}, "'more' is binary"),
    ],
)
def test_file_is_refused_by_name_when_its_columns_do_not_fit(changes, options, told):
    content = parquet(flowers(2, **changes))
    assert told in refusal(PlanningDesk(), content, **options)


def test_file_is_refused_when_a_column_is_missing():
    columns = flowers(2)
    del columns["petal_width"]
    assert "missing: 'petal_width'" in refusal(PlanningDesk(), parquet(columns))


def test_chunk_is_refused_when_the_file_is_damaged_in_the_middle():
    desk = PlanningDesk()
    columns = flowers(3_000, sepal_width=[row * 0.377 % 9 for row in range(3_000)])
    content = bytearray(parquet(columns, use_dictionary=False, write_page_checksum=True))
    middle = len(content) // 2
    content[middle : middle + 400] = b"\xff" * 400
    assert len(content) > 10_000
    planned = desk.plan(desk.batch("f.parquet", bytes(content)))

    with pytest.raises(RejectedError, match="damaged"):
        desk.carry_out(planned)


def test_chunk_says_so_when_the_file_was_replaced_while_it_ran():
    desk = PlanningDesk(files=MemoryFiles(versioned=False))
    planned = desk.plan(desk.batch("f.parquet", parquet(flowers(3))))
    desk.files.drop("inbox/iris/f.parquet", parquet(flowers(4)))

    with pytest.raises(ConflictError, match="no longer what it was"):
        desk.carry_out(planned)


def test_only_the_end_of_a_file_is_read_when_it_is_planned():
    desk = PlanningDesk()
    content = parquet(flowers(2_000_000), use_dictionary=False, compression="none")
    batch = desk.batch("f.parquet", content)

    desk.plan(batch)

    read = sum(end - start for _, start, end in desk.files.reads)
    assert len(content) > 60_000_000
    assert read < 2_500_000


ONE = Signature(
    task=Task.REGRESSION,
    inputs=[Field(name="x", dtype=Dtype.FLOAT, nullable=True)],
    output=Output(name="y", dtype=Dtype.FLOAT),
)


@pytest.mark.parametrize("output", ["parquet", "csv"])
def test_nulls_are_rows_too_when_there_is_one_column_only(output):
    desk = PlanningDesk(signature=ONE)
    content = parquet({"x": pa.array([None, 1.0, None], pa.float64())})
    (result,) = ran(desk, desk.batch("f.parquet", content, output=output))

    assert (result.rows_in, result.rows_out) == (3, 3)


DTYPES = {
    Dtype.FLOAT: (
        st.floats(allow_nan=False, allow_infinity=False, width=32),
        [pa.float32(), pa.float64()],
    ),
    Dtype.INT: (st.integers(-(2**24), 2**24), [pa.int32(), pa.int64(), pa.float64()]),
    Dtype.BOOL: (st.booleans(), [pa.bool_()]),
    Dtype.STRING: (
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=6),
        [pa.string(), pa.large_string()],
    ),
}


@st.composite
def columns_of(draw):
    """Columns of several types with values that a model of theirs accepts."""
    dtypes = draw(st.lists(st.sampled_from([*DTYPES]), min_size=1, max_size=4))
    rows = draw(st.integers(1, 12))
    columns = {}
    for index, dtype in enumerate(dtypes):
        values, kinds = DTYPES[dtype]
        cells = draw(st.lists(values, min_size=rows, max_size=rows))
        columns[f"x{index}"] = pa.array(cells, draw(st.sampled_from(kinds)))
    return dtypes, columns


@given(drawn=columns_of())
@example(drawn=([Dtype.FLOAT], {"x0": pa.array([-(2.0**128 - 2.0**104)], pa.float32())}))
def test_model_reads_what_the_file_holds_when_it_was_unpacked(drawn):
    dtypes, columns = drawn
    desk = PlanningDesk(signature=boxes(dtypes))
    planned = desk.plan(desk.batch("f.parquet", parquet(columns), output="csv"))
    desk.carry_out(planned)
    layout = desk.layout(planned)
    staged = desk.files.load(f"batches/{planned.batch}/staged/00000.csv")

    rows = RowReader(desk.signature, layout).read(staged)

    assert rows.rejected == []
    for tensor, numeric in ((rows.numeric, True), (rows.text, False)):
        names = [f"x{i}" for i, dtype in enumerate(dtypes) if dtype.numeric is numeric]
        for place, name in enumerate(names):
            assert tensor is not None
            assert tensor[:, place].tolist() == columns[name].to_pylist()


def test_every_dtype_is_read_when_categories_and_nulls_are_among_them():
    desk = PlanningDesk(signature=GUESTS)
    columns = {
        "age (years)": pa.array([40.0, None, 30.0]),
        "country": pa.array(["de", None, "xx"]).dictionary_encode(),
        "weight": pa.array([71.5, None, 3.25], pa.float16()),
        "vip": [True, False, True],
        "remark": ['says "hi"\n\\o/', "", "x"],
        "stars": pa.array([1, 2, 3], pa.uint8()),
    }
    (result,) = ran(desk, desk.batch("f.parquet", parquet(columns)))

    assert (result.rows_in, result.rows_out) == (3, 1)
