"""Pairs in a graph: in a line, by the graph, between two releases, and when a half fails."""

from __future__ import annotations

import msgspec
import pytest
from fakes.graph_plant import PAIR, Plant, half_of, states, values
from msgspec.structs import replace
from servery.domain.manifest import Part as Half
from servery.errors import ModelServerError, UnavailableError

OTHER = "b" * 32
INPUTS = {"x": "request.x"}


@pytest.fixture
def plant():
    plant = Plant()
    plant.pair(
        "scaler",
        "ranker",
        lambda rows: [{"f1": row["x"] / 2, "f2": row["x"] + 0.25} for row in rows],
        values(lambda row: row["f1"] * 100 + row["f2"]),
    )
    return plant


def in_line(plant, **changes):
    step = {"name": "rank", "preprocessor": "scaler", "model": "ranker", **changes}
    plant.graph({"steps": [step]}, {"rank.preprocessor": INPUTS}, "x:float")


def by_graph(plant, first=None, **changes):
    steps = [
        {"name": "features", "preprocessor": "scaler", **(first or {})},
        {"name": "rank", "model": "ranker", "features": "features", **changes},
    ]
    plant.graph({"steps": steps}, {"features": INPUTS}, "x:float")


ARRANGED = pytest.mark.parametrize("arrange", [in_line, by_graph])


@ARRANGED
def test_both_arrangements_answer_alike_when_asked(plant, arrange):
    arrange(plant)
    status, body = plant.ask({"x": 1.5}, {"x": -3.0})
    assert status == 200
    assert [row["value"] for row in body["predictions"]] == [76.75, -152.75]
    assert plant.models["ranker"].asked == [[{"f1": 0.75, "f2": 1.75}, {"f1": -1.5, "f2": -2.75}]]
    assert all(event["pair"] == PAIR for event in plant.models["ranker"].events)


def test_one_call_is_enough_when_the_pair_stands_in_a_line(plant):
    in_line(plant, deadline_ms=1000)
    _, body = plant.ask({"x": 1.5})
    (event,) = plant.models["scaler"].events
    assert event["verb"] == "hand_on"
    assert event["exact"]
    assert event["then"]["function"] == f"predictor:{PAIR}"
    assert event["then"]["ref"]["pair"] == event["ref"]["pair"] == PAIR
    assert 0 < event["seconds"] < plant.timeouts["scaler"][0] <= 1
    assert states(body) == {"rank": "ok", "rank.preprocessor": "ok", "rank.predictor": "ok"}
    assert [step["ms"] for step in body["steps"][1:]] == [2.0, 1.0]


@ARRANGED
def test_the_older_half_is_asked_when_only_the_preprocessor_is_released_yet(plant, arrange):
    arrange(plant)
    newer = half_of("scaler", Half.PREPROCESSOR, OTHER, version="9", last=PAIR)
    plant.deployments["scaler"] = newer
    status, _ = plant.ask({"x": 1.5})
    assert status == 200
    assert plant.models["scaler"].events[0]["ref"]["pair"] == PAIR


@ARRANGED
def test_the_record_is_read_anew_when_it_lacks_the_other_half(plant, arrange):
    arrange(plant)
    plant.deployments["ranker"] = half_of("ranker", Half.PREDICTOR, OTHER, last=PAIR)
    plant.fresh["scaler"] = half_of("scaler", Half.PREPROCESSOR, OTHER, last=PAIR)
    status, _ = plant.ask({"x": 1.5})
    assert status == 200
    assert plant.models["scaler"].events[0]["ref"]["pair"] == OTHER


@ARRANGED
def test_nobody_is_asked_when_no_other_half_is_served(plant, arrange):
    arrange(plant)
    plant.deployments["ranker"] = half_of("ranker", Half.PREDICTOR, OTHER)
    status, body = plant.ask({"x": 1.5})
    assert status == 503
    assert plant.models["scaler"].events == []
    assert body["hop"] in ("rank", "features")


def test_features_choose_the_predictor_when_it_changed_on_the_way(plant):
    by_graph(plant)
    prepare = plant.models["scaler"].answer

    def release(rows):
        plant.deployments["ranker"] = half_of("ranker", Half.PREDICTOR, OTHER, last=PAIR)
        return prepare(rows)

    plant.models["scaler"].answer = release
    assert plant.ask({"x": 1.5})[0] == 200
    assert plant.models["ranker"].events[0]["ref"]["pair"] == PAIR


def test_the_champion_is_asked_for_features_when_nobody_takes_them(plant):
    plant.graph(
        {"steps": [{"name": "features", "preprocessor": "scaler"}]}, {"features": INPUTS}, "x:float"
    )
    _, body = plant.ask({"x": 1.5})
    assert body["predictions"] == [{"features": {"f1": 0.75, "f2": 1.75}}]


def test_a_feature_is_read_when_a_later_step_names_it(plant):
    by_graph(plant, when={"of": "features.features.f1", "above": 0})
    _, body = plant.ask({"x": 1.5}, {"x": -3.0})
    assert [row and row["value"] for row in body["predictions"]] == [76.75, None]


def test_what_stands_behind_is_not_run_when_the_preprocessor_stops(plant):
    by_graph(plant, first={"on_failure": "stop"})
    plant.models["scaler"].answer = lambda _: UnavailableError("it is away")
    status, body = plant.ask({"x": 1.5})
    assert (status, body["partial"]) == (200, True)
    assert states(body) == {"features": "failed", "rank": "not_run"}


@ARRANGED
@pytest.mark.parametrize(
    ("half", "failure", "status"),
    [
        ("scaler", UnavailableError("it is away"), 503),
        ("scaler", ModelServerError("it crashed"), 502),
        ("scaler", b"[]", 502),
        ("ranker", {"status": 503, "reason": "no model"}, 503),
        ("ranker", {"status": 409, "reason": "these are features of another"}, 502),
        ("ranker", {"status": 422, "body": '{"errors":[{"field":"records[0].f1"}]}'}, 502),
        ("ranker", {"status": 500}, 502),
    ],
)
def test_the_half_is_named_when_it_fails(plant, arrange, half, failure, status):
    arrange(plant)
    plant.models[half].answer = lambda _: failure
    found, body = plant.ask({"x": 1.5})
    assert found == status
    if arrange is by_graph:
        assert body["hop"] == {"scaler": "features", "ranker": "rank"}[half]
    elif isinstance(failure, dict):
        assert body["hop"] == "rank.predictor"
        assert states(body)["rank.preprocessor"] == "ok"
        assert states(body)["rank.predictor"] == "failed"
    else:
        assert body["hop"] == "rank.preprocessor"


def test_the_predictor_is_named_when_it_is_slow_in_a_line(plant):
    in_line(plant, deadline_ms=400)
    plant.models["ranker"].seconds = 5
    status, body = plant.ask({"x": 1.5})
    assert (status, body["hop"]) == (504, "rank.predictor")
    assert states(body)["rank.predictor"] == "late"
    assert plant.crew.seconds <= 1000.4


@ARRANGED
def test_the_request_is_told_its_own_field_when_the_preprocessor_refuses(plant, arrange):
    arrange(plant)
    problem = {"errors": [{"field": "records[1].x", "message": "is out of range"}]}
    told = {"status": 422, "body": msgspec.json.encode(problem).decode(), "hop": "preprocessor"}
    plant.models["scaler"].answer = lambda _: told
    status, body = plant.ask({"x": 1.5}, {"x": 2.5})
    assert status == 422
    assert body["errors"] == [{"field": "records[1].x", "message": "is out of range"}]


@pytest.mark.parametrize(
    "answer",
    [
        [{"class": "a"}],
        [{"features": {}}],
        [{"features": {"f1": "many"}}],
        [{"features": {"f1": None}}],
    ],
)
def test_it_is_a_bad_answer_when_there_are_no_usable_features(plant, answer):
    by_graph(plant)
    plant.models["scaler"].answer = lambda _: answer
    status, body = plant.ask({"x": 1.5})
    assert (status, body["hop"]) == (502, "features")


@ARRANGED
def test_it_is_a_bad_answer_when_a_server_answers_as_another_pair(plant, arrange):
    arrange(plant)
    body = msgspec.json.encode({"predictions": [{"features": {"f1": 1}}]}).decode()
    plant.models["scaler"].answer = lambda _: {"status": 200, "body": body, "pair": OTHER}
    status, body = plant.ask({"x": 1.5})
    assert status == 502
    assert "another pair" in body["detail"]


def test_the_answer_is_left_out_of_the_log_when_features_repeat_personal_inputs(plant):
    by_graph(plant)
    champion = replace(plant.deployments["scaler"].champion, unlogged=["input"])
    plant.deployments["scaler"] = replace(plant.deployments["scaler"], champion=champion)
    asker = plant.asker()
    assert asker.unlogged(asker.find("g"), steps=False) == ["input", "output"]
