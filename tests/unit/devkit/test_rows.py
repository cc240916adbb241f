import io
from types import SimpleNamespace

import pytest
from devkit import predictions, rows
from devkit.errors import DevkitError, UsageError
from devkit.screen import Screen
from rich.console import Console


@pytest.mark.parametrize("text", ['{"a": 1}', '[{"a": 1}]', '{"records": [{"a": 1}]}'])
def test_rows_when_json_comes_in_any_of_its_forms(text):
    assert rows.from_json(text) == [{"a": 1}]


@pytest.mark.parametrize("text", ["{", "[]", "[1]", '"x"'])
def test_usage_when_json_holds_no_rows(text):
    with pytest.raises(UsageError):
        rows.from_json(text)


def test_types_of_the_signature_when_rows_come_from_csv(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a,b,c,d\n1.5,2,true,x\n,,,\n")
    read = rows.from_file(path, {"a": "float", "b": "int", "c": "bool", "d": "string"})
    assert read[0] == {"a": 1.5, "b": 2, "c": True, "d": "x"}
    assert read[1] == {"a": None, "b": None, "c": None, "d": ""}


def test_text_stays_when_a_cell_does_not_fit(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a\nlong\n")
    assert rows.from_file(path, {"a": "float"}) == [{"a": "long"}]


def test_first_column_is_found_when_a_spreadsheet_wrote_the_file(tmp_path):
    path = tmp_path / "ROWS.CSV"
    path.write_bytes(b'\xef\xbb\xbfa,b\r\n1,"two\r\nlines"\r\n')
    assert rows.from_file(path, {"a": "int"}) == [{"a": 1, "b": "two\r\nlines"}]


@pytest.mark.parametrize("line", ["1", "1,2,3"])
def test_line_is_named_when_it_has_not_as_many_cells_as_the_header(tmp_path, line):
    path = tmp_path / "rows.csv"
    path.write_text(f"a,b\n1,2\n{line}\n")
    with pytest.raises(DevkitError, match=r"Line 3 of .*rows\.csv"):
        rows.from_file(path, {"a": "float", "b": "float"})


def test_sentence_when_a_table_is_empty(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n")
    with pytest.raises(DevkitError, match="has no rows"):
        rows.from_file(path, {})


def test_file_is_named_when_it_is_of_no_known_kind(tmp_path):
    path = tmp_path / "rows.yaml"
    path.write_text("a: 1\n")
    with pytest.raises(DevkitError, match=r"rows\.yaml holds no rows") as caught:
        rows.from_file(path, {})
    assert ".csv" in caught.value.hint


def test_rows_when_each_line_is_json(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n\n{"a": 2}\n')
    assert rows.from_file(path, {}) == [{"a": 1}, {"a": 2}]


def test_sentence_when_there_is_no_such_file(tmp_path):
    with pytest.raises(DevkitError, match="cannot be read"):
        rows.from_file(tmp_path / "none.csv", {})


def test_only_features_when_rows_come_from_a_spec(tmp_path):
    (tmp_path / "data.csv").write_text("id,size,price\n7,1.5,100\n")
    path = tmp_path / "spec.yaml"
    path.write_text(
        "data:\n  uri: data.csv\n  columns:\n"
        "    - {name: id, dtype: int, role: id}\n"
        "    - {name: size, dtype: float}\n"
        "    - {name: price, dtype: float, role: target}\n"
    )
    assert rows.from_spec(path) == [{"size": 1.5}]


def test_three_likeliest_classes_when_a_row_has_probabilities():
    row = {"class": "b", "probabilities": {"a": 0.1, "b": 0.6, "c": 0.05, "d": 0.25}}
    assert predictions.line(row) == ["b", "b 0.600  d 0.250  a 0.100"]


def test_value_with_its_unit_when_a_row_is_a_regression():
    assert predictions.line({"value": 152.13348, "unit": "mg"}) == ["152.133 mg", ""]
    assert predictions.line({"value": 0.5, "unit": "1"}) == ["0.5", ""]


def test_other_columns_are_left_out_when_rows_come_from_a_table(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("size,price\n1.5,100\n")
    size = {"name": "size", "parameters": {"dtype": "float"}}
    api = SimpleNamespace(get=lambda _: {"inputs": [size]})
    screen = Screen(console=Console(file=io.StringIO(), width=80))
    read = predictions.gather(api, "house", screen, records=None, file=path, example=False)
    assert read == [{"size": 1.5}]
    assert "price" in screen.console.file.getvalue()


@pytest.mark.parametrize("given", [{}, {"records": ['{"a": 1}'], "example": True}])
def test_usage_when_not_exactly_one_source_of_rows_is_named(given):
    asked = {"records": None, "file": None, "example": False} | given
    with pytest.raises(UsageError, match="Say what to predict"):
        predictions.gather(None, "iris", None, **asked)
