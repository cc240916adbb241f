"""Several models in one answer: each arrangement, with nothing in its way."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from conftest import EXAMPLES, Stack, wait_until
from test_lifecycle import rows_of
from test_requests import lake_lines

SPECIES = ("setosa", "versicolor", "virginica")
LENGTHS = ("sepal_length", "sepal_width", "petal_length", "petal_width")


@pytest.fixture(scope="module")
def rest(stack: Stack, released: Callable[[str], str]) -> str:
    """The example with three models side by side, as a reader of its comments registers it."""
    for species in SPECIES:
        released(f"iris-{species}")
    stack.json("graphs", "apply", str(EXAMPLES / "graphs" / "iris-rest.yaml"))
    row = rows_of("iris", 1)[0][0]
    wait_until(
        lambda: stack.ask("iris-rest", row).is_success, seconds=60, what="each has a process"
    )
    return "iris-rest"


@pytest.fixture(scope="module")
def wine(stack: Stack, released: Callable[[str], str]) -> str:
    """The example whose second model is chosen by the first one."""
    for model in ("wine-cultivar", *(f"wine-flavanoids-{n}" for n in (1, 2, 3))):
        released(model)
    stack.json("graphs", "apply", str(EXAMPLES / "graphs" / "wine-flavanoids.yaml"))
    return "wine-flavanoids"


@pytest.fixture(scope="module")
def flowers(stack: Stack, iris: dict[str, Any]) -> str:
    """The example that looks its inputs up, with its data."""
    data = str(EXAMPLES / "data" / "flowers.csv")
    stack.json("entities", "load", data, "--entity", "flower", "--key", "flower")
    stack.json("graphs", "apply", str(EXAMPLES / "graphs" / "iris-flower.yaml"))
    return "iris-flower"


def wines() -> list[dict[str, Any]]:
    """Some wines of each cultivar, without what is to be predicted."""
    return [row for n in (1, 2, 3) for row in rows_of(f"wine-flavanoids-{n}", 12)[0]]


def states(body: dict[str, Any]) -> dict[str, str]:
    """What became of each step and member."""
    return {step["name"]: step["state"] for step in body["steps"]}


# Models side by side


def test_surest_model_is_right_when_each_knows_one_species(stack: Stack, rest: str) -> None:
    records, _ = rows_of("iris", 150)
    answer = stack.ask(rest, *records)

    assert answer.status_code == 200, answer.text
    body = answer.json()
    truth = rows_of("iris", 150)[1]
    said = [row["class"] for row in body["predictions"]]
    assert sum(s == t for s, t in zip(said, truth, strict=True)) / len(truth) >= 0.9
    assert (body["graph"], body["served_by"]) == (rest, "graph")
    assert "partial" not in body
    assert "degraded" not in body


def test_scores_are_those_of_the_models_when_they_are_asked_alone(stack: Stack, rest: str) -> None:
    records, _ = rows_of("iris", 150)
    body = stack.ask(rest, *records).json()
    for species in SPECIES:
        alone = stack.infer(f"iris-{species}", {"records": records}).json()["predictions"]
        scores = [row["scores"][species] for row in body["predictions"]]
        assert scores == [row["probabilities"]["yes"] for row in alone]
    for row in body["predictions"]:
        assert row["class"] == max(row["scores"], key=row["scores"].get)


def test_every_member_is_reported_with_its_version_when_all_are_in(
    stack: Stack, rest: str, released: Callable[[str], str]
) -> None:
    body = stack.ask(rest, rows_of("iris", 1)[0][0]).json()
    versions = {step["name"]: step.get("model_version") for step in body["steps"]}
    assert set(states(body).values()) == {"ok"}
    for species in SPECIES:
        assert versions[f"species.{species}"] == released(f"iris-{species}")


def test_answers_of_all_come_by_name_when_nothing_is_aggregated(
    stack: Stack, rest: str, register: Any
) -> None:
    members = [{"name": s, "model": f"iris-{s}"} for s in SPECIES]
    name = register({"name": "team", "group": {"members": members, "aggregate": "all"}})
    (row,) = stack.ask(name, rows_of("iris", 1)[0][0]).json()["predictions"]
    assert {s: row[s]["class"] for s in SPECIES} == {
        "setosa": "yes",
        "versicolor": "no",
        "virginica": "no",
    }


@pytest.mark.parametrize(
    ("aggregate", "expected"),
    [
        ("vote", {"class": "no", "votes": {"yes": 1, "no": 2}}),
        ("quorum", {"class": "no", "votes": {"yes": 1, "no": 2}}),
        ("mean", {"value": pytest.approx(1 / 3, abs=0.1)}),
        ("median", {"value": pytest.approx(0, abs=0.1)}),
        ("weighted", {"value": pytest.approx(0.6, abs=0.1)}),
        ("named", {"value": pytest.approx(1, abs=0.1)}),
    ],
)
def test_answers_become_one_by_the_rule_of_the_graph(
    stack: Stack, rest: str, register: Any, aggregate: str, expected: dict[str, Any]
) -> None:
    members: list[dict[str, Any]] = [{"name": s, "model": f"iris-{s}"} for s in SPECIES]
    group: dict[str, Any] = {"members": members, "aggregate": aggregate}
    if aggregate == "quorum":
        group["quorum"] = 2
    for member in members if aggregate not in ("vote", "quorum") else ():
        member["score"] = "probabilities.yes"
    if aggregate == "weighted":
        members[0]["weight"] = 3.0
    if aggregate == "named":
        group["named"] = "maximum"
    name = register({"name": "team", "group": group})
    (row,) = stack.ask(name, rows_of("iris", 1)[0][0]).json()["predictions"]
    assert {member: row[member] for member in expected} == expected


def test_name_is_refused_when_the_deploy_does_not_allow_it(stack: Stack, rest: str) -> None:
    members = [{"name": s, "model": f"iris-{s}", "score": "probabilities.yes"} for s in SPECIES]
    group = {"members": members, "aggregate": "named", "named": "os_system"}
    spec = {"name": "e2e-named", "owner": "e2e", "steps": [{"name": "team", "group": group}]}
    answer = stack.http.post("/graphs", json=spec)
    assert answer.status_code == 422, answer.text
    assert [e["field"] for e in answer.json()["errors"]] == ["steps[0].group.named"]
    assert "trimmed_mean" in answer.text, "it says which there are"


def test_first_answer_is_taken_when_any_will_do(stack: Stack, rest: str, register: Any) -> None:
    members = [{"name": s, "model": f"iris-{s}"} for s in SPECIES]
    name = register({"name": "team", "group": {"members": members, "aggregate": "any"}})
    (row,) = stack.ask(name, rows_of("iris", 1)[0][0]).json()["predictions"]
    assert row["class"] in ("yes", "no")


# One model behind another


def test_second_model_is_the_one_of_the_class_when_the_first_chooses(
    stack: Stack, wine: str
) -> None:
    records = wines()
    body = stack.ask(wine, *records, params={"steps": "true"}).json()

    cultivars = stack.infer("wine-cultivar", {"records": records}).json()["predictions"]
    chosen = [row["class"] for row in cultivars]
    assert set(chosen) == {"cultivar_1", "cultivar_2", "cultivar_3"}
    assert [row["steps"]["cultivar"]["class"] for row in body["predictions"]] == chosen
    names = {"cultivar_1": "first", "cultivar_2": "second", "cultivar_3": "third"}
    for record, row, cultivar in zip(records, body["predictions"], chosen, strict=True):
        model = f"wine-flavanoids-{cultivar[-1]}"
        (alone,) = stack.infer(model, {"records": [record]}).json()["predictions"]
        assert row["value"] == pytest.approx(alone["value"], rel=1e-5)
        asked = {step for step, answer in row["steps"].items() if answer is not None}
        assert asked == {"cultivar", names[cultivar]}


def test_each_model_gets_its_own_rows_only_when_they_are_chosen(stack: Stack, wine: str) -> None:
    records = wines()
    body = stack.ask(wine, *records).json()
    rows = {step["name"]: step["rows"] for step in body["steps"]}
    assert rows["cultivar"] == len(records)
    assert rows["first"] + rows["second"] + rows["third"] == len(records)


def test_models_without_a_row_are_not_asked_when_all_rows_are_alike(
    stack: Stack, wine: str
) -> None:
    body = stack.ask(wine, rows_of("wine-flavanoids-1", 1)[0][0]).json()
    assert states(body) == {
        "cultivar": "ok",
        "first": "ok",
        "second": "skipped",
        "third": "skipped",
    }


@pytest.mark.slow
def test_later_model_takes_the_answer_of_an_earlier_one_when_it_is_mapped(
    stack: Stack, flowers: str, register: Any
) -> None:
    """Looked up by the proxy, then classified, then measured by the class."""
    model = f"sepal-{uuid.uuid4().hex[:6]}"
    spec = stack.spec("iris", name=model)
    columns = {column["name"]: column for column in spec["data"]["columns"]}
    columns["sepal_width"] |= {"role": "target"}
    for unused in ("sepal_length", "petal_width"):
        columns[unused] |= {"role": "ignored"}
    columns["species"] |= {"role": "feature"}
    spec |= {
        "task": "regression",
        "estimator": {"class": "sklearn.linear_model.Ridge", "params": {"alpha": 1.0}},
        "metric": "r2",
        "gates": {"minimum": 0.1},
    }
    spec["data"]["target"] = "sepal_width"
    spec["data"]["columns"] = list(columns.values())
    assert stack.train(spec)["outcome"] == "registered"
    assert stack.release(model)["state"] == "succeeded"
    example = stack.http.get(f"/graphs/{flowers}").json()["spec"]["steps"]
    inputs = {"petal_length": "flower.petal_length", "species": "species.class"}
    name = register(*example, {"name": "width", "model": model, "inputs": inputs})

    answer = stack.ask(name, {"flower": "f001"}, {"flower": "f150"}, params={"steps": "true"})

    assert answer.status_code == 200, answer.text
    for row in answer.json()["predictions"]:
        record = {
            "petal_length": row["steps"]["flower"]["petal_length"],
            "species": row["steps"]["species"]["class"],
        }
        (alone,) = stack.infer(model, {"records": [record]}).json()["predictions"]
        assert row["value"] == pytest.approx(alone["value"], rel=1e-5)


# Data looked up on the way


def test_answers_are_those_of_the_model_when_its_inputs_are_looked_up(
    stack: Stack, flowers: str
) -> None:
    records, _ = rows_of("iris", 150)
    keys = [{"flower": f"f{number:03d}"} for number in range(1, 151)]
    looked_up = stack.ask(flowers, *keys).json()["predictions"]
    given = stack.infer("iris", {"records": records}).json()["predictions"]
    assert looked_up == given


def test_row_and_column_are_named_when_there_is_no_such_entity(stack: Stack, flowers: str) -> None:
    answer = stack.ask(flowers, {"flower": "f001"}, {"flower": "f999"})
    assert answer.status_code == 422, answer.text
    assert [e["field"] for e in answer.json()["errors"]] == ["records[1].flower"]
    assert "f999" not in answer.text


def test_changed_data_are_used_when_an_entity_is_kept_again(stack: Stack, flowers: str) -> None:
    records, truth = rows_of("iris", 150)
    last = {name: records[149][name] for name in LENGTHS}
    key = f"e2e-{uuid.uuid4().hex[:8]}"
    where = f"/entities/flower/{key}"
    assert stack.http.put(where, json=records[0]).status_code == 204
    first_answer = stack.ask(flowers, {"flower": key}).json()["predictions"]
    assert stack.http.put(where, json=last, params={"seconds": "600"}).status_code == 204
    second_answer = stack.ask(flowers, {"flower": key}).json()["predictions"]
    said = [first_answer[0]["class"], second_answer[0]["class"]]
    assert said == [truth[0], truth[149]]
    assert stack.http.get(where).json() == last

    assert stack.http.delete(where).status_code == 204
    assert stack.http.get(where).status_code == 404
    assert stack.ask(flowers, {"flower": key}).status_code == 422


def test_field_is_named_when_data_cannot_be_kept(stack: Stack, flowers: str) -> None:
    rows = {"f001": {"sepal_length": 5.1}, "f002": {"sepal_length": [5.1]}}
    answer = stack.http.post("/entities/flower", json={"rows": rows})
    assert answer.status_code == 422, answer.text
    assert [e["field"] for e in answer.json()["errors"]] == ["rows.f002.sepal_length"]
    shown = stack.json("entities", "show", "flower", "f001")
    assert set(shown) == set(LENGTHS), "nothing was kept of it"


# Graphs as records


def test_graph_is_shown_and_asked_when_it_is_registered(stack: Stack, rest: str) -> None:
    assert rest in [graph["spec"]["name"] for graph in stack.listed("/graphs")]
    record = stack.json("graphs", "show", rest)
    assert record["spec"]["name"] == rest
    row = json.dumps(rows_of("iris", 1)[0][0])
    said = stack.json("graphs", "ask", rest, "--record", row)
    assert said["predictions"][0]["class"] == "setosa"


def test_revision_stays_when_the_same_is_registered_again(stack: Stack, rest: str) -> None:
    before = stack.http.get(f"/graphs/{rest}").json()
    again = stack.http.post("/graphs", json=before["spec"])
    assert again.status_code == 200, again.text
    assert again.json()["revision"] == before["revision"]


def test_writer_loses_when_somebody_was_faster(stack: Stack, rest: str) -> None:
    spec = stack.http.get(f"/graphs/{rest}").json()["spec"]
    changed = {**spec, "description": "something else"}
    answer = stack.http.post("/graphs", json=changed, headers={"if-match": '"999"'})
    assert answer.status_code == 409, answer.text


def test_field_is_named_when_a_graph_does_not_fit_its_models(stack: Stack, rest: str) -> None:
    steps = [
        {"name": "one", "model": "iris-setosa", "inputs": {"sepal_length": "two.class"}},
        {"name": "two", "model": "nobody", "inputs": {"x": "one.class"}},
    ]
    spec = {"name": "e2e-bad", "owner": "e2e", "steps": steps}
    answer = stack.http.post("/graphs", json=spec)
    assert answer.status_code == 422, answer.text
    told = {error["field"]: error["message"] for error in answer.json()["errors"]}
    assert any("one -> two -> one" in m or "two -> one -> two" in m for m in told.values())
    assert stack.http.get("/graphs/e2e-bad").status_code == 404


def test_column_is_named_when_a_request_lacks_it(stack: Stack, rest: str) -> None:
    row = rows_of("iris", 1)[0][0]
    lacking = {name: row[name] for name in LENGTHS[1:]}
    answer = stack.ask(rest, row, lacking)
    assert answer.status_code == 422
    assert [e["field"] for e in answer.json()["errors"]] == ["records[1].sepal_length"]


def test_nothing_is_told_of_an_unknown_graph(stack: Stack) -> None:
    assert stack.ask("nobody", {"x": 1}).status_code == 404


def test_request_is_in_the_lake_when_a_graph_answered(stack: Stack, rest: str) -> None:
    request = f"graph-{uuid.uuid4().hex}"
    row = rows_of("iris", 1)[0][0]
    answered = stack.ask(rest, row, headers={"x-request-id": request})

    line = wait_until(
        lambda: lake_lines(stack).get(request), seconds=60, what="the request is in the lake"
    )

    assert (line["model"], line["route"], line["status"]) == (rest, "graph", 200)
    assert line["input"] == {"records": [row]}
    assert line["output"] == answered.json()


def test_no_value_is_logged_when_graphs_and_entities_are_asked(
    stack: Stack, rest: str, flowers: str
) -> None:
    good = {**rows_of("iris", 1)[0][0], "sepal_length": 5.4321098}
    key = "k5.4321098"
    ids = [f"log-{uuid.uuid4().hex}" for _ in range(5)]
    sent = [{"x-request-id": one} for one in ids]
    stack.ask(rest, good, headers=sent[0])
    stack.ask(rest, {**good, "sepal_width": "5.4321098 by word"}, headers=sent[1])
    stack.http.put(f"/entities/flower/{key}", json={"a": [5.4321098]}, headers=sent[2])
    stack.http.get(f"/entities/flower/{key}", headers=sent[3])
    stack.ask(flowers, {"flower": key}, headers=sent[4])
    logs = stack.client("logs")

    def text() -> str | None:
        stack.http.get("/graphs")  # a late line is read with the next request
        group = f"/aws/lambda/{stack.status['functions']['GraphServeFunction']}"
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        found = "\n".join(e["message"] for page in pages for e in page["events"])
        return found if all(request in found for request in ids) else None

    found = wait_until(text, seconds=20, what="the requests are in the log")
    assert "5.4321098" not in found
