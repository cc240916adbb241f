"""Steps behind each other: what they are given, for which rows, and what their failures do."""

from __future__ import annotations

import msgspec
import pytest
from fakes.graph_plant import Plant, classes, deployment_of, states, values
from servery.errors import ModelServerError, ThrottledError, UnavailableError

ORIGIN = "request.origin"


@pytest.fixture
def plant():
    return Plant()


def color(row):
    return "red" if row["x"] > 1 else "white"


def chain(plant, **changes):
    """`kind` answers a class; `price` takes it, and the request's column."""
    plant.model("kinds", lambda rows: [{"class": color(row), "model_version": "v"} for row in rows])
    plant.model("prices", values(lambda row: row["x"] * 10))
    second = {"name": "price", "model": "prices", "inputs": {"t_kind": "kind.class"}, **changes}
    plant.graph(
        {"steps": [{"name": "kind", "model": "kinds"}, second]},
        {"price": {"x": "request.x", "t_kind": "kind.class"}},
        "x:float",
    )


def choice(plant):
    """A model is chosen by the class of the first."""
    plant.model("kinds", lambda rows: [{"class": color(row), "model_version": "v"} for row in rows])
    plant.model("reds", values(lambda row: row["x"] + 100))
    plant.model("whites", values(lambda row: row["x"] + 200))
    plant.graph(
        {
            "steps": [
                {"name": "red", "model": "reds", "when": {"of": "kind.class", "equals": "red"}},
                {
                    "name": "white",
                    "model": "whites",
                    "when": {"of": "kind.class", "among": ["white"]},
                },
                {"name": "kind", "model": "kinds"},
            ],
            "output": ["red", "white"],
        },
        {},
        "x:float",
    )


@pytest.mark.parametrize(("unit", "status"), [("EUR", 502), ("1", 200), ("", 200)])
def test_hop_is_named_when_a_release_answers_in_another_unit(plant, unit, status):
    chain(plant)
    record = plant.records["g"]
    price = msgspec.structs.replace(record.checked["price"], unit=unit)
    checked = record.checked | {"price": price}
    plant.records["g"] = msgspec.structs.replace(record, checked=checked)
    told, body = plant.ask({"x": 1.0})
    assert told == status
    if status != 200:
        assert body["hop"] == "price"
        assert "another unit than EUR; register the graph again" in body["detail"]


def test_later_step_gets_the_earlier_answer_in_one_call_when_rows_are_several(plant):
    chain(plant)
    status, body = plant.ask({"x": 1.0}, {"x": 2.0})
    assert status == 200
    assert [p["value"] for p in body["predictions"]] == [10.0, 20.0]
    assert plant.models["prices"].asked == [
        [{"x": 1.0, "t_kind": "white"}, {"x": 2.0, "t_kind": "red"}]
    ]
    assert states(body) == {"kind": "ok", "price": "ok"}
    assert (body["graph"], body["graph_revision"], body["served_by"]) == ("g", 3, "graph")
    assert "partial" not in body
    assert "degraded" not in body


def test_each_row_goes_to_its_model_when_it_is_chosen_by_an_earlier_result(plant):
    choice(plant)
    status, body = plant.ask({"x": 1.0}, {"x": 2.0}, {"x": 0.5})
    assert status == 200
    assert [p["value"] for p in body["predictions"]] == [201.0, 102.0, 200.5]
    assert plant.models["reds"].asked == [[{"x": 2.0}]]
    assert plant.models["whites"].asked == [[{"x": 1.0}, {"x": 0.5}]]


def test_step_is_skipped_when_no_row_is_concerned(plant):
    choice(plant)
    _, body = plant.ask({"x": 2.0}, steps=True)
    assert states(body) == {"red": "ok", "white": "skipped", "kind": "ok"}
    assert plant.models["whites"].asked == []
    assert body["predictions"][0]["steps"] == {
        "kind": {"class": "red", "model_version": "v"},
        "red": {"value": 102.0, "unit": "1", "model_version": body["steps"][0]["model_version"]},
    }


def test_steps_run_at_the_same_time_when_they_do_not_need_each_other(plant):
    choice(plant)
    before = plant.crew.seconds
    plant.ask({"x": 1.0}, {"x": 2.0})
    assert plant.crew.most == 2
    assert plant.crew.seconds - before == pytest.approx(0.1)


def test_step_behind_a_skipped_one_is_skipped_when_it_reads_its_answer(plant):
    plant.model("a", classes("yes"))
    plant.model("b", values(lambda row: 1.0))
    plant.graph(
        {
            "steps": [
                {"name": "one", "model": "a", "when": {"of": "request.x", "above": 5}},
                {"name": "two", "model": "b", "inputs": {"t_k": "one.class"}},
            ]
        },
        {"two": {"t_k": "one.class"}},
        "x:float",
    )
    status, body = plant.ask({"x": 1.0})
    assert (status, body["predictions"], body["partial"]) == (200, [None], True)
    assert states(body) == {"one": "skipped", "two": "skipped"}


def test_true_goes_into_a_number_as_one_when_a_class_is_an_input(plant):
    plant.model("a", lambda rows: [{"class": True, "model_version": "v"} for _ in rows])
    plant.model("b", values(lambda row: row["flag"]))
    plant.graph(
        {
            "steps": [
                {"name": "one", "model": "a"},
                {"name": "two", "model": "b", "inputs": {"flag": "one.class"}},
            ]
        },
        {"two": {"flag": "one.class"}},
        "x:float",
    )
    plant.ask({"x": 1.0})
    assert plant.models["b"].events[0]["body"] == '{"records":[{"flag":1}]}'


class TestFailure:
    @pytest.mark.parametrize(
        ("answer", "status", "kind"),
        [
            (lambda rows: b"not json", 502, "bad-answer"),
            (lambda rows: [], 502, "unusable-answer"),
            (lambda rows: [{"value": 1.0}] * 2, 502, "unusable-answer"),
            (lambda rows: [{"model_version": "v"}], 502, "unusable-answer"),
            (lambda rows: [{"value": "much"}], 502, "unusable-answer"),
            (lambda rows: {"status": 200, "body": "<html>"}, 502, "unusable-answer"),
            (lambda rows: {"status": 500, "body": "{}"}, 502, "bad-answer"),
            (lambda rows: {"status": 400, "body": "{}"}, 502, "bad-answer"),
            (lambda rows: ModelServerError("it crashed"), 502, "bad-answer"),
            (lambda rows: {"status": 503, "reason": "no model"}, 503, "hop-unavailable"),
            (lambda rows: UnavailableError("away"), 503, "hop-unavailable"),
            (lambda rows: ThrottledError("busy", retry_after=3), 503, "hop-unavailable"),
        ],
    )
    def test_hop_is_named_when_it_fails(self, plant, answer, status, kind):
        chain(plant)
        plant.models["prices"].answer = answer
        told, body = plant.ask({"x": 1.0})
        assert (told, body["status"], body["hop"]) == (status, status, "price")
        assert body["type"] == f"urn:servery:problem:{kind}"
        assert states(body) == {"kind": "ok", "price": "failed"}

    def test_504_within_the_deadline_when_a_step_is_slow(self, plant):
        chain(plant, deadline_ms=200)
        plant.models["prices"].seconds = 5
        before = plant.crew.seconds
        status, body = plant.ask({"x": 1.0})
        assert (status, body["hop"]) == (504, "price")
        assert plant.crew.seconds - before == pytest.approx(0.25)
        assert states(body)["price"] == "late"
        assert plant.timeouts["prices"] == [pytest.approx(0.2)]

    def test_graph_ends_at_its_own_deadline_when_its_steps_have_none(self, plant):
        chain(plant)
        plant.records["g"] = msgspec.structs.replace(
            plant.records["g"],
            spec=msgspec.structs.replace(plant.records["g"].spec, deadline_ms=300),
        )
        plant.models["kinds"].seconds = 0.1
        plant.models["prices"].seconds = 5
        before = plant.crew.seconds
        assert plant.ask({"x": 1.0})[0] == 504
        # What reading the request took in real time is gone from the deadline too.
        assert plant.crew.seconds - before == pytest.approx(0.3, abs=0.1)
        assert plant.timeouts["prices"] == [pytest.approx(0.2, abs=0.1)]

    def test_what_stands_behind_is_not_run_when_the_first_fails(self, plant):
        chain(plant)
        plant.models["kinds"].answer = lambda rows: b"{"
        status, body = plant.ask({"x": 1.0})
        assert (status, body["hop"]) == (502, "kind")
        assert states(body) == {"kind": "failed", "price": "not_run"}
        assert plant.models["prices"].asked == []

    def test_rest_is_answered_when_the_step_stops(self, plant):
        chain(plant, on_failure="stop")
        plant.records["g"] = msgspec.structs.replace(
            plant.records["g"],
            spec=msgspec.structs.replace(plant.records["g"].spec, output=["price", "kind"]),
        )
        plant.models["prices"].answer = lambda rows: b"{"
        status, body = plant.ask({"x": 1.0})
        assert (status, body["partial"]) == (200, True)
        assert body["predictions"] == [{"class": "white", "model_version": "v"}]
        assert body["steps"][1]["reason"] == "price failed: it answered what nobody can read"

    def test_row_is_null_when_the_only_output_stopped(self, plant):
        chain(plant, on_failure="stop")
        plant.models["prices"].answer = lambda rows: b"{"
        assert plant.ask({"x": 1.0})[1]["predictions"] == [None]
        (row,) = plant.ask({"x": 1.0}, steps=True)[1]["predictions"]
        assert row == {"steps": {"kind": {"class": "white", "model_version": "v"}}}

    def test_default_stands_in_when_the_step_says_so(self, plant):
        chain(plant, on_failure="default", default={"value": 7.5, "unit": "1"})
        plant.models["prices"].answer = lambda rows: UnavailableError("away")
        status, body = plant.ask({"x": 1.0})
        assert (status, body["degraded"]) == (200, True)
        assert body["predictions"] == [{"value": 7.5, "unit": "1"}]
        assert states(body)["price"] == "default"
        assert "away" in body["steps"][1]["reason"]

    def test_member_is_missed_when_a_later_step_reads_it(self, plant):
        plant.model("kinds", classes("a", yes=0.5))
        plant.model("prices", values(lambda row: row["p"]))
        plant.graph(
            {
                "steps": [
                    {"name": "kind", "model": "kinds"},
                    {"name": "price", "model": "prices", "inputs": {"p": "kind.probabilities.no"}},
                ]
            },
            {"price": {"p": "kind.probabilities.no"}},
            "x:float",
        )
        status, body = plant.ask({"x": 1.0})
        assert (status, body["hop"]) == (502, "kind")
        assert "probabilities.no is missing" in body["detail"]

    def test_503_names_the_hop_when_nothing_is_released(self, plant):
        chain(plant)
        del plant.deployments["prices"]
        status, body = plant.ask({"x": 1.0})
        assert (status, body["hop"]) == (503, "price")


def refusing(*fields):
    errors = [{"field": field, "message": "is above the maximum"} for field in fields]
    body = msgspec.json.encode({"status": 422, "errors": errors}).decode()
    return lambda rows: {"status": 422, "body": body}


class TestRefusal:
    def test_fields_are_those_of_the_request_when_a_model_refuses_its_values(self, plant):
        choice(plant)
        plant.models["reds"].answer = refusing("records[1].x")
        status, body = plant.ask({"x": 1.0}, {"x": 2.0}, {"x": 0.0}, {"x": 9.0})
        assert status == 422
        assert body["errors"] == [{"field": "records[3].x", "message": "is above the maximum"}]
        assert states(body)["red"] == "failed"

    def test_502_when_the_refused_value_came_from_an_earlier_step(self, plant):
        chain(plant)
        plant.models["prices"].answer = refusing("records[0].t_kind")
        status, body = plant.ask({"x": 1.0})
        assert (status, body["hop"]) == (502, "price")
        assert "errors" not in body

    def test_422_when_a_default_would_hide_what_the_caller_has_to_mend(self, plant):
        chain(plant, on_failure="default", default={"value": 7.5})
        plant.models["prices"].answer = refusing("records[0].x")
        assert plant.ask({"x": 1.0})[0] == 422

    def test_413_when_a_model_takes_fewer_rows(self, plant):
        chain(plant)
        plant.models["prices"].answer = lambda rows: {"status": 413, "body": "{}"}
        assert plant.ask({"x": 1.0})[0] == 413


class TestRetired:
    def test_new_server_is_asked_when_the_record_has_moved_on(self, plant):
        chain(plant)
        plant.gone.add("predictor:prices")
        plant.fresh["prices"] = deployment_of("prices", "predictor:new")
        status, body = plant.ask({"x": 1.0})
        assert status == 200
        assert states(body)["price"] == "ok"
        assert len(plant.timeouts["prices"]) == 2

    def test_new_server_is_asked_when_the_old_is_pinned_to_another_model(self, plant):
        chain(plant)
        answer, told = plant.models["prices"].answer, []

        def once(rows):
            told.append(rows)
            return {"status": 409, "body": "{}"} if len(told) == 1 else answer(rows)

        plant.models["prices"].answer = once
        plant.fresh["prices"] = deployment_of("prices", "predictor:new")
        assert plant.ask({"x": 1.0})[0] == 200

    def test_503_after_one_call_when_the_record_is_the_same(self, plant):
        chain(plant)
        plant.gone.add("predictor:prices")
        status, body = plant.ask({"x": 1.0})
        assert (status, body["hop"]) == (503, "price")
        assert len(plant.timeouts["prices"]) == 1
