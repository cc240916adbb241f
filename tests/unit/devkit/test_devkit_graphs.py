import io
import json

import httpx
import pytest
from devkit import entities, graph_views, graphs
from devkit.api import Api, ApiError
from devkit.errors import DevkitError, UsageError
from devkit.screen import Screen
from rich.console import Console

RECORD = {
    "spec": {"name": "g", "owner": "t", "steps": [{"name": "one", "model": "m"}]},
    "revision": 3,
    "registered": "2026-11-22T04:40:00Z",
    "request": [{"name": "a", "dtype": "float"}, {"name": "b", "dtype": "string"}],
}
ANSWER = {
    "graph": "g",
    "graph_revision": 3,
    "request_id": "r1",
    "served_by": "graph",
    "predictions": [],
    "steps": [
        {"name": "one", "state": "ok", "rows": 2, "model_version": "1.0.0-d1.s1", "ms": 12.4},
        {"name": "one.a", "state": "late", "rows": 2, "ms": 300.0, "reason": "took too long"},
    ],
}


def api(*answers):
    given, seen = list(answers), []

    def respond(request):
        seen.append(request)
        return given.pop(0) if len(given) > 1 else given[0]

    http = httpx.Client(transport=httpx.MockTransport(respond), base_url="http://api/prod")
    return Api(http), seen


def answering(status, content):
    return httpx.Response(status, json=content)


def shown(look, *content):
    console = Console(file=io.StringIO(), width=100)
    look(Screen(console=console), *content)
    return console.file.getvalue()


MISSING = answering(404, {"detail": "there is no such graph"})


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (MISSING, answering(201, RECORD), "registered"),
        (answering(200, {**RECORD, "revision": 2}), answering(200, RECORD), "changed"),
        (answering(200, RECORD), answering(200, RECORD), "unchanged"),
    ],
)
def test_it_is_said_what_became_of_it_when_a_graph_is_applied(before, after, what):
    caller, seen = api(before, after)
    assert graphs.apply(caller, RECORD["spec"]) == (what, RECORD)
    assert json.loads(seen[1].content) == RECORD["spec"]
    assert "if-match" not in seen[1].headers


def test_revision_goes_along_when_it_matters():
    caller, seen = api(answering(200, RECORD))
    graphs.apply(caller, RECORD["spec"], revision=2)
    assert seen[1].headers["if-match"] == '"2"'


def test_every_field_is_named_when_a_graph_does_not_hold_together():
    errors = [{"field": "steps[0].model", "message": "there is no model called m"}]
    problem = answering(422, {"detail": "1 field", "errors": errors})
    caller, _ = api(MISSING, problem)
    with pytest.raises(ApiError) as caught:
        graphs.apply(caller, RECORD["spec"])
    assert caught.value.details == ("steps[0].model: there is no model called m",)
    assert "released" in caught.value.hint


def test_example_is_found_when_it_is_named(tmp_path):
    assert graphs.load("iris-rest", tmp_path / "iris-rest")["name"] == "iris-rest"


def test_file_comes_first_when_it_is_called_like_an_example(tmp_path):
    file = tmp_path / "iris-rest"
    file.write_text("name: own\n")
    assert graphs.load("iris-rest", file) == {"name": "own"}


@pytest.mark.parametrize("content", ["[", "- 1", "", None, b"\xff\xfe"])
def test_sentence_when_a_file_is_no_graph(tmp_path, content):
    file = tmp_path / "x.yaml"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DevkitError, match=r"x\.yaml"):
        graphs.load("x.yaml" if content is not None else str(file), file)


def test_sentence_when_a_file_says_something_twice(tmp_path):
    file = tmp_path / "x.yaml"
    file.write_text("name: own\nsteps:\n  - {name: a, model: m, model: n}\n")
    with pytest.raises(DevkitError, match="model is there twice"):
        graphs.load("x.yaml", file)


def test_words_are_words_when_a_predicate_names_a_class(tmp_path):
    file = tmp_path / "x.yaml"
    file.write_text("when: {of: a.class, among: [no, off, 1e-3]}\n")
    assert graphs.load("x.yaml", file)["when"]["among"] == ["no", "off", 0.001]


def test_steps_are_wanted_when_they_are_asked_for():
    caller, seen = api(answering(200, ANSWER))
    assert graphs.ask(caller, "g", [{"a": 1}], steps=True) == ANSWER
    assert seen[0].url.path.endswith("/v2/graphs/g/infer")
    assert seen[0].url.query == b"steps=true"
    graphs.ask(caller, "g", [{"a": 1}])
    assert seen[1].url.query == b""


def test_step_is_named_when_it_failed():
    problem = {"detail": "bad answer of one", "hop": "one", "steps": ANSWER["steps"]}
    caller, _ = api(answering(502, problem))
    with pytest.raises(ApiError) as caught:
        graphs.ask(caller, "g", [{"a": 1}])
    assert caught.value.details == ("one.a: late, took too long",)


def test_cells_are_typed_as_the_graph_wants_when_rows_come_from_a_table(tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("a,b,other\n1,007,x\n")
    caller, _ = api(answering(200, RECORD))
    screen = Screen(console=Console(file=io.StringIO()))
    found = graphs.gather(caller, "g", screen, records=None, file=file)
    assert found == [{"a": 1.0, "b": "007"}]


@pytest.mark.parametrize("both", [True, False])
def test_refused_when_not_exactly_one_way_of_giving_rows_is_used(tmp_path, both):
    caller, seen = api(answering(200, RECORD))
    given = {"records": ["{}"], "file": tmp_path} if both else {"records": None, "file": None}
    with pytest.raises(UsageError):
        graphs.gather(caller, "g", Screen(), **given)
    assert not seen


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        (None, ["none", ""]),
        ({"class": "x", "scores": {"y": 0.1, "x": 0.75}}, ["x", "x 0.750  y 0.100"]),
        ({"class": "x", "votes": {"x": 2}, "missing": ["c"]}, ["x", "x 2  without c"]),
        ({"value": 1.5, "unit": "cm"}, ["1.5 cm", ""]),
        ({"value": "of a lookup"}, ['{"value": "of a lookup"}', ""]),
        ({"a": {"value": 1.0}, "missing": ["b"]}, ['{"a": {"value": 1.0}}', "without b"]),
    ],
)
def test_row_is_readable_when_it_is_any_answer(row, cells):
    assert graph_views.line(row) == cells


def test_rows_steps_and_marks_are_shown_when_a_graph_answered():
    row = {"class": "x", "steps": {"one": {"class": "x", "probabilities": {"x": 0.9}}}}
    content = {**ANSWER, "partial": True, "predictions": [row, None]}
    text = shown(graph_views.show_answer, content)
    for said in ("none", "one.a", "late", "took too long", "x 0.900", "revision 3, partial"):
        assert said in text


def test_graphs_are_a_line_each_when_they_are_listed():
    console = Console(file=io.StringIO(), width=100)
    console.print(graph_views.graphs_table([RECORD]))
    assert "2026-11-22" in console.file.getvalue()


def write(tmp_path, text, name="rows.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_columns_are_what_all_cells_can_be_when_entities_are_a_table(tmp_path):
    path = write(
        tmp_path,
        "id,whole,number,truth,text,code,gap\n1,2,1,true,x,007,\n2,-3,2.5,FALSE,nan,12,4\n",
    )
    assert entities.read(path, "id") == {
        "1": {"whole": 2, "number": 1.0, "truth": True, "text": "x", "code": "007", "gap": None},
        "2": {"whole": -3, "number": 2.5, "truth": False, "text": "nan", "code": "12", "gap": 4},
    }


def test_text_stays_text_when_it_is_said(tmp_path):
    path = write(tmp_path, "id,code\n1,7\n")
    assert entities.read(path, "id", text=["code"]) == {"1": {"code": "7"}}


def test_values_are_as_they_are_when_entities_are_json_lines(tmp_path):
    path = write(tmp_path, '{"id": 7, "a": "1"}\n{"id": "x", "a": null}\n', "rows.jsonl")
    assert entities.read(path, "id") == {"7": {"a": "1"}, "x": {"a": None}}


@pytest.mark.parametrize(
    ("text", "said"),
    [("id,a\n,1\n", "Row 1 .* has no id"), ("id,a\n1,1\n1,2\n", "Row 2 .* a second time")],
)
def test_refused_when_a_key_is_missing_or_there_twice(tmp_path, text, said):
    with pytest.raises(DevkitError, match=said):
        entities.read(write(tmp_path, text), "id")


def test_pieces_are_small_enough_when_there_are_many_entities():
    caller, seen = api(answering(200, {}))
    told = []
    total = entities.load(caller, "cust", {str(i): {"a": i} for i in range(2500)}, sent=told.append)
    assert total == 2500
    assert told == [1000, 2000, 2500]
    assert [len(json.loads(request.content)["rows"]) for request in seen] == [1000, 1000, 500]


def test_pieces_are_smaller_when_entities_are_large():
    caller, seen = api(answering(200, {}))
    entities.load(caller, "cust", {str(i): {"a": "x" * 300_000} for i in range(7)})
    assert [len(json.loads(request.content)["rows"]) for request in seen] == [3, 3, 1]
    assert all(len(request.content) < 5_000_000 for request in seen)


def test_time_goes_along_when_entities_are_kept_for_a_while():
    caller, seen = api(answering(200, {}))
    entities.load(caller, "cust", {"1": {"a": 1}}, seconds=60)
    entities.load(caller, "cust", {"1": {"a": 1}})
    assert [request.url.query for request in seen] == [b"seconds=60", b""]
