"""What a graph is asked, strictly, and what the log is told; and the data it looks up."""

from __future__ import annotations

import json

import msgspec
import pytest
from fakes.graph_plant import Plant, classes, states, values
from msgspec.structs import replace

COLUMNS = [
    {"name": "age", "dtype": "int"},
    {"name": "club", "dtype": "string", "nullable": True},
]


@pytest.fixture
def plant():
    plant = Plant()
    plant.model("m", values(lambda row: 1.0))
    inputs = {"one": {name: f"request.{name}" for name in ("x", "n", "t", "b", "o")}}
    plant.graph(
        {"steps": [{"name": "one", "model": "m"}]},
        inputs,
        "x:float n:int t:string b:bool o:float?",
    )
    return plant


def row(**changes):
    return {"x": 1.5, "n": 2, "t": 'a "quoted" \\ text', "b": True, "o": None, **changes}


class TestBody:
    def test_every_value_comes_to_the_model_as_it_was_sent(self, plant):
        status, _ = plant.ask(row(), row(x=3, o=0.25))
        assert status == 200
        assert plant.models["m"].asked == [[row(), row(x=3, o=0.25)]]

    def test_id_comes_back_when_there_was_one(self, plant):
        assert plant.send({"records": [row()], "id": "mine"})[1]["id"] == "mine"
        assert plant.send({"records": [row()], "id": None})[0] == 200
        assert "id" not in plant.ask(row())[1]

    @pytest.mark.parametrize(
        ("change", "field", "message"),
        [
            ({"x": "1"}, "records[1].x", "is not a number"),
            ({"x": True}, "records[1].x", "is not a number"),
            ({"x": None}, "records[1].x", "is null"),
            ({"n": 1.5}, "records[1].n", "is not a whole number"),
            ({"t": 1}, "records[1].t", "is not text"),
            ({"b": 1}, "records[1].b", "is not true or false"),
            ({"other": 1}, "records[1].other", "is no column of this graph"),
        ],
    )
    def test_422_by_field_when_a_value_does_not_fit(self, plant, change, field, message):
        status, body = plant.ask(row(), row(**change))
        assert status == 422
        assert body["errors"] == [{"field": field, "message": message}]
        assert plant.models["m"].asked == []

    def test_422_when_a_column_is_missing(self, plant):
        short = row()
        del short["b"]
        assert plant.ask(short)[1]["errors"] == [{"field": "records[0].b", "message": "is missing"}]

    @pytest.mark.parametrize(
        ("body", "status", "field"),
        [
            ("{", 400, None),
            ("", 400, None),
            ("[" * 100_000, 400, None),
            ('{"records": [{"x": NaN}]}', 422, "records[0].x"),
            ("[]", 422, "body"),
            ("{}", 422, "records"),
            ('{"records": []}', 422, "records"),
            ('{"records": {}}', 422, "records"),
            ('{"records": [1]}', 422, "records[0]"),
            ('{"records": [], "inputs": []}', 422, "inputs"),
            ('{"records": [], "id": 7}', 422, "id"),
        ],
    )
    def test_refused_with_its_place_when_the_body_is_wrong(self, plant, body, status, field):
        told, problem, _ = plant.send(body)
        assert told == status
        if field:
            assert field in [error["field"] for error in problem["errors"]]

    def test_422_when_a_key_is_there_twice(self, plant):
        once = json.dumps(row())
        twice = once[:-1] + ', "x": 2}'
        told, problem, _ = plant.send(f'{{"records": [{twice}]}}')
        assert (told, problem["errors"][0]["message"]) == (422, "is there twice")
        told, problem, _ = plant.send(f'{{"id": null, "id": "b", "records": [{once}]}}')
        assert (told, problem["errors"][0]["field"]) == (422, "id")

    def test_422_when_a_key_is_there_twice_and_a_column_is_called_like_the_envelope(self, plant):
        plant.graph(
            {"steps": [{"name": "one", "model": "m"}]},
            {"one": {"id": "request.id"}},
            "id:float",
        )
        assert plant.send('{"records": [{"id": 1}]}')[0] == 200
        assert plant.send('{"records": [{"id": 1, "id": 2}]}')[0] == 422

    def test_422_when_a_key_is_there_twice_and_a_text_is_called_like_the_envelope(self, plant):
        once = json.dumps(row(t="id"))
        assert plant.send(f'{{"records": [{once}]}}')[0] == 200
        told, problem, _ = plant.send(f'{{"records": [{once[:-1]}, "x": 2}}]}}')
        assert (told, problem["errors"][0]["field"]) == (422, "records[0].x")

    def test_413_when_there_are_too_many_rows_or_bytes(self, plant):
        assert plant.ask(*[row()] * 10_001)[0] == 413
        assert plant.ask(row(t="a" * 5_000_001))[0] == 413

    def test_415_when_it_is_no_json(self, plant):
        assert plant.send("a=b", **{"content-type": "text/csv"})[0] == 415

    @pytest.mark.parametrize("query", [{"steps": "yes"}, {"step": "true"}])
    def test_422_when_the_query_is_not_known(self, plant, query):
        assert plant.send({"records": [row()]}, query)[0] == 422

    def test_404_when_there_is_no_such_graph(self, plant):
        assert plant.send({"records": [row()]}, graph="other")[0] == 404


class TestLog:
    def lines(self, plant):
        return [msgspec.json.decode(line) for line in plant.log.lines]

    def test_one_line_when_a_graph_has_answered(self, plant):
        plant.ask(row())
        (line,) = self.lines(plant)
        assert (line["model"], line["model_version"], line["route"]) == ("g", "r3", "graph")
        assert (line["status"], line["rows"], line["model_ms"]) == (200, 1, 1.0)
        assert line["input"]["records"] == [row()]
        assert line["output"]["predictions"][0]["value"] == 1.0

    def test_one_line_with_the_error_when_it_has_not(self, plant):
        plant.models["m"].answer = lambda rows: b"?"
        plant.ask(row())
        (line,) = self.lines(plant)
        assert (line["status"], line["error"], line["input"]) == (502, "BadAnswerError", None)

    def test_input_is_left_out_when_it_is_personal_for_a_model(self, plant):
        champion = replace(plant.deployments["m"].champion, unlogged=["input"])
        plant.deployments["m"] = replace(plant.deployments["m"], champion=champion)
        plant.ask(row())
        plant.ask(row(), steps=True)
        first, second = self.lines(plant)
        assert first["input"] is None
        assert first["output"] is not None
        assert (second["input"], second["output"]) == (None, None)

    def test_nothing_is_told_when_a_model_is_not_released_any_more(self, plant):
        step = {"name": "one", "model": "m", "on_failure": "default"}
        plant.graph({"steps": [{**step, "default": {"value": 0.0}}]}, {}, "x:float")
        del plant.deployments["m"]
        assert plant.ask({"x": 1.0})[0] == 200
        (line,) = self.lines(plant)
        assert (line["input"], line["output"]) == (None, None)


def looking(plant, **changes):
    lookup = {"entity": "customer", "key": "request.who", "columns": COLUMNS}
    plant.model("m", values(lambda row: float(row["age"])))
    inputs = {"age": "data.age", "t_club": "data.club"}
    plant.data = {"customer": {"7": {"age": 30, "club": "a", "more": 1}, "8": {"age": 40}}}
    plant.graph(
        {
            "steps": [
                {"name": "data", "lookup": lookup, **changes},
                {"name": "one", "model": "m", "inputs": inputs},
            ]
        },
        {"one": inputs},
        "who:string",
    )


class TestLookup:
    def test_model_gets_the_data_of_each_row_when_they_are_looked_up(self, plant):
        looking(plant)
        status, body = plant.ask({"who": "7"}, {"who": "8"}, {"who": "7"}, steps=True)
        assert status == 200
        assert plant.models["m"].asked == [
            [
                {"age": 30, "t_club": "a"},
                {"age": 40, "t_club": None},
                {"age": 30, "t_club": "a"},
            ]
        ]
        assert body["predictions"][0]["steps"]["data"] == {"age": 30, "club": "a"}

    def test_422_when_there_are_no_data_of_a_key_of_the_request(self, plant):
        looking(plant)
        status, body = plant.ask({"who": "7"}, {"who": "9"})
        assert status == 422
        assert body["errors"] == [
            {"field": "records[1].who", "message": "there are no data of this customer"}
        ]

    def test_502_when_the_data_do_not_fit_the_columns(self, plant):
        looking(plant)
        plant.data["customer"]["7"] = {"age": "old"}
        status, body = plant.ask({"who": "7"})
        assert (status, body["hop"]) == (502, "data")
        assert body["detail"] == "data: age of the customer is not a number"

    def test_default_for_the_rows_without_data_when_there_is_one(self, plant):
        looking(plant, on_failure="default", default={"age": 18, "club": None})
        status, body = plant.ask({"who": "9"}, {"who": "7"})
        assert (status, body["degraded"]) == (200, True)
        assert [p["value"] for p in body["predictions"]] == [18, 30]
        assert states(body)["data"] == "default"

    def test_only_the_rows_with_data_are_predicted_when_the_step_stops(self, plant):
        looking(plant, on_failure="stop")
        status, body = plant.ask({"who": "9"}, {"who": "7"})
        assert (status, body["partial"]) == (200, True)
        assert [p and p["value"] for p in body["predictions"]] == [None, 30]

    def test_504_when_the_data_take_too_long(self, plant):
        looking(plant, deadline_ms=50)
        plant.data_seconds = 1.0
        status, body = plant.ask({"who": "7"})
        assert (status, body["hop"]) == (504, "data")


def test_predicate_of_a_lookup_decides_when_a_step_reads_it(plant):
    looking(plant)
    plant.model("n", classes("old"))
    spec = plant.records["g"].spec
    step = msgspec.convert(
        {"name": "two", "model": "n", "when": {"of": "data.age", "above": 35}},
        type(spec.steps[0]),
    )
    pinned = replace(plant.records["g"].checked["one"], model="n", inputs={"t_w": "request.who"})
    plant.records["g"] = replace(
        plant.records["g"],
        spec=replace(spec, steps=[*spec.steps, step], output=["two", "one"]),
        checked={**plant.records["g"].checked, "two": pinned},
    )
    _, body = plant.ask({"who": "7"}, {"who": "8"})
    assert [p.get("class") for p in body["predictions"]] == [None, "old"]
