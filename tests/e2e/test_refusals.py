"""What is refused, through the public surfaces: with figures, and ways out that work."""

from __future__ import annotations

import json
import shlex
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from conftest import TABLE_SECONDS, Stack, in_force, wait_until
from test_graph_jobs import accepted as graph_accepted
from test_graph_jobs import ended as graph_ended
from test_jobs import ended, submit
from test_lifecycle import rows_of
from test_safety import batch_over

BUDGET = "urn:servery:problem:online-budget"
Policies = Callable[..., dict[str, Any]]
SERVERS = ("Predictor", "Preprocessor")
"""Kinds of functions of which model servers are published versions."""


@pytest.fixture(scope="module")
def model(stack: Stack) -> str:
    """A model of this module, released."""
    name = f"refused-{uuid.uuid4().hex[:6]}"
    assert stack.train(stack.spec("iris", name=name))["outcome"] == "registered"
    assert stack.release(name)["state"] == "succeeded"
    return name


@pytest.fixture
def rows() -> dict[str, Any]:
    """A body with two good rows."""
    return {"records": rows_of("iris", 2)[0]}


def refusal(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    return dict(answer.json())


class TestOnlineBudget:
    """A2."""

    @pytest.mark.slow
    def test_waiting_is_refused_with_figures_and_the_ways_out_work(
        self, stack: Stack, model: str, policies: Policies, rows: dict[str, Any]
    ) -> None:
        assert stack.infer(model, rows).status_code == 200
        champion = stack.deployment(model)["champion"]
        p99 = champion["figures"]["one_row"]["p99_ms"]
        policies(model, online={"p99_ms": p99 / 2})

        problem = refusal(stack.infer(model, rows))

        assert problem["type"] == BUDGET
        assert f"one row takes {p99:g} ms (p99), allowed are {p99 / 2:g} ms" in problem["detail"]
        assert [e["field"] for e in problem["errors"]] == ["policies.online.p99_ms"]
        named = stack.infer(model, rows, version=champion["ref"]["version"])
        assert refusal(named)["type"] == BUDGET

        routes = problem["routes"]
        assert routes == {"jobs": f"/v2/models/{model}/jobs", "batches": f"inbox/{model}/"}
        job = ended(stack, submit(stack, model, rows).json()["id"])
        assert (job["state"], job["model_version"]) == ("done", champion["ref"]["version"])
        names = list(rows["records"][0])
        lines = [",".join(names), *(",".join(map(str, r.values())) for r in rows["records"])]
        batch = batch_over(stack, "\n".join([*lines, ""]).encode(), model)
        assert (batch["state"], batch["rows_out"]) == ("succeeded", 2)

        told = problem["detail"].rpartition("allow it with `servery ")[2].rstrip("`")
        stack.run(*shlex.split(told))
        wait_until(
            lambda: stack.infer(model, rows).status_code == 200, seconds=5, what="it answers again"
        )

    def test_size_is_told_in_megabytes_when_the_model_is_too_big(
        self, stack: Stack, model: str, policies: Policies, rows: dict[str, Any]
    ) -> None:
        size = stack.deployment(model)["champion"]["figures"]["size_bytes"] / 1e6
        policies(model, online={"size_mb": size / 2})

        problem = refusal(stack.infer(model, rows))

        assert f"it has {size:g} MB, allowed are {size / 2:g} MB" in problem["detail"]
        assert [e["field"] for e in problem["errors"]] == ["policies.online.size_mb"]

    @pytest.mark.slow
    def test_graph_is_refused_before_its_first_step_and_answers_as_a_job(
        self,
        stack: Stack,
        iris: dict[str, Any],
        model: str,
        policies: Policies,
        register: Callable[..., str],
        rows: dict[str, Any],
    ) -> None:
        inputs = {name: f"request.{name}" for name in rows["records"][0]}
        graph = register(
            {"name": "first", "model": "iris", "inputs": inputs},
            {"name": "second", "model": model, "inputs": inputs},
        )
        assert stack.ask(graph, *rows["records"]).status_code == 200
        policies(model, online={"p99_ms": 0.0001})

        problem = refusal(stack.ask(graph, *rows["records"]))

        assert problem["type"] == BUDGET
        assert problem["detail"].startswith(f"{model} ")
        assert problem["routes"] == {"graph_jobs": f"/v2/graphs/{graph}/jobs"}
        job = graph_ended(stack, graph, graph_accepted(stack, graph, rows["records"]))
        assert job["state"] == "done"

    def test_budget_that_shuts_the_champion_out_is_refused_unless_it_is_meant(
        self, stack: Stack, model: str
    ) -> None:
        problem = refusal(stack.edit(model, {"online": {"p99_ms": 0.0001}}))

        (error,) = problem["errors"]
        assert error["field"] == "online.p99_ms"
        assert "allowed are 0.0001 ms" in error["message"]
        assert "give_up_online" in error["message"]

    @pytest.mark.slow
    def test_version_is_released_with_a_warning_when_it_is_beyond_the_budget(
        self, stack: Stack, model: str, policies: Policies, rows: dict[str, Any]
    ) -> None:
        policies(model, online={"p99_ms": 0.0001})
        spec = stack.spec("iris", name=model)
        spec["estimator"]["params"]["C"] = 3.0
        trained = stack.train(spec)

        released = stack.release(model, version=trained["version"])

        assert released["state"] == "succeeded", released
        (warning,) = [s["detail"] for s in released["steps"] if s["name"] == "budget"]
        assert "allowed are 0.0001 ms" in warning
        wait_until(
            lambda: released["released_as"] in stack.infer(model, rows).json()["detail"],
            seconds=5,
            what="the new version is refused",
        )

    @pytest.mark.slow
    def test_repeat_is_answered_when_the_cache_has_it(
        self, stack: Stack, model: str, policies: Policies
    ) -> None:
        rows = {"records": rows_of("iris", 5)[0][2:]}
        policies(model, cache={"seconds": 600})

        def hit() -> bool:
            return bool(stack.infer(model, rows).json().get("cache") == "hit")

        # A table that is busier than it may be is gone without: then the model or the refusal.
        wait_until(hit, seconds=TABLE_SECONDS, what="it is kept")
        in_force(stack, model, {"cache": {"seconds": 600}, "online": {"p99_ms": 0.0001}})

        wait_until(hit, seconds=TABLE_SECONDS, what="it is answered though the budget refuses")
        assert refusal(stack.infer(model, {"records": rows_of("iris", 1)[0]}))["type"] == BUDGET


class TestOneModel:
    """A1."""

    def test_every_published_server_names_one_model(self, stack: Stack, model: str) -> None:
        functions = stack.client("lambda")
        names = [stack.status["functions"][f"{kind}Function"] for kind in SERVERS]
        seen: dict[str, set[str]] = {}
        for name in names:
            pages = functions.get_paginator("list_versions_by_function").paginate(FunctionName=name)
            for version in (v for page in pages for v in page["Versions"]):
                if version["Version"] != "$LATEST":
                    told = version["Environment"]["Variables"]["SERVERY_MODEL"]
                    seen.setdefault(f"{name}:{version['Version']}", set()).add(told)
        server = stack.deployment(model)["champion"]["server"]["function"]
        assert seen[server] == {model}
        assert all(len(models) == 1 for models in seen.values())

    def test_no_two_models_share_a_server(
        self, stack: Stack, model: str, iris: dict[str, Any]
    ) -> None:
        taken: dict[str, str] = {}
        for summary in stack.listed("/models"):
            if not summary["champion"]:
                continue
            deployment = stack.deployment(summary["name"])
            serving = [deployment["champion"], deployment["last_good"], *deployment["candidates"]]
            for server in {s["server"]["function"] for s in serving if s}:
                assert taken.setdefault(server, summary["name"]) == summary["name"]
        assert {model, "iris"} <= set(taken.values())

    def test_server_answers_for_no_other_model_when_it_is_asked_directly(
        self, stack: Stack, model: str, iris: dict[str, Any], rows: dict[str, Any]
    ) -> None:
        other = stack.deployment("iris")["champion"]["ref"]
        server = stack.deployment(model)["champion"]["server"]["function"]
        question = {
            "verb": "infer",
            "ref": other,
            "request_id": "r-1",
            "body": json.dumps(rows),
        }

        invoked = stack.client("lambda").invoke(
            FunctionName=server, Payload=json.dumps(question).encode()
        )

        reply = json.loads(invoked["Payload"].read())
        assert (reply["status"], reply["mismatch"]) == (409, True)
        assert f"this server is for {model} (onnx), the request for iris (onnx)" in json.dumps(
            reply
        )

    @pytest.mark.slow
    def test_release_is_refused_when_its_server_stands_in_the_record_of_another_model(
        self, stack: Stack
    ) -> None:
        name = f"shared-{uuid.uuid4().hex[:6]}"
        spec = stack.spec("iris", name=name)
        assert stack.train(spec)["outcome"] == "registered"
        assert stack.release(name, mode="load")["state"] == "succeeded"
        before = stack.deployment(name)
        spec["estimator"]["params"]["C"] = 2.0
        trained = stack.train(spec)
        with forged(stack, name) as stranger:
            refused = stack.release(name, version=trained["version"], mode="load")

        assert refused["state"] == "refused"
        server = before["champion"]["server"]["function"]
        assert f"{server} would serve 2 models, {stranger} and {name}" in refused["reason"]
        assert "one model server serves one model" in refused["reason"]
        assert stack.deployment(name) == before
        assert stack.release(name, version=trained["version"])["state"] == "succeeded"


@contextmanager
def forged(stack: Stack, model: str) -> Iterator[str]:
    """The record of a model that nobody released, with the servers of another one."""
    table, stranger = stack.status["outputs"]["RegistryTableName"], f"{model}-stranger"
    dynamodb = stack.client("dynamodb")
    key = {"pk": {"S": "DEPLOYMENTS"}, "sk": {"S": model}}
    item = dynamodb.get_item(TableName=table, Key=key)["Item"]
    document = json.loads(item["doc"]["S"])
    document["model"] = document["champion"]["ref"]["model"] = stranger
    other = {**item, "sk": {"S": stranger}, "doc": {"S": json.dumps(document)}}
    dynamodb.put_item(TableName=table, Item=other)
    try:
        yield stranger
    finally:
        dynamodb.delete_item(TableName=table, Key={**key, "sk": {"S": stranger}})


class TestAccountable:
    """No owner, no unit, no log, offline only."""

    def test_training_is_a_recorded_refusal_when_nobody_owns_or_logs_it(self, stack: Stack) -> None:
        spec = stack.spec("iris", name=f"nobodys-{uuid.uuid4().hex[:6]}")
        spec |= {"owner": " ", "log": {"sample": 0}}
        spec["data"]["columns"][0].pop("unit")

        found = stack.train_raw(spec)

        assert found["outcome"] == "refused"
        told = " ".join(found["reasons"])
        assert "owner" in told
        assert "name who answers for the model" in told
        assert "log 0.01 of the requests or more" in told
        assert "sepal_length needs a unit; say '1' where it has none" in told

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"owner": " "}, "name who answers for the model"),
            ({"log": {"sample": 0}}, "log 0.01 of the requests or more"),
        ],
    )
    def test_command_says_what_to_do_when_the_spec_is_refused(
        self, stack: Stack, tmp_path: Any, change: dict[str, Any], message: str
    ) -> None:
        spec = {**stack.spec("iris", name="nobodys"), **change}
        file = tmp_path / "spec.yaml"
        file.write_text(json.dumps(spec))

        done = stack.run("train", str(file), check=False)

        assert done.returncode != 0
        assert message in " ".join((done.stdout + done.stderr).split())

    @pytest.mark.slow
    def test_release_is_refused_when_nobody_says_what_production_judges_it_by(
        self, stack: Stack
    ) -> None:
        name = f"offline-{uuid.uuid4().hex[:6]}"
        spec = stack.spec("iris", name=name)
        metric = spec.pop("monitor")
        assert stack.train(spec)["outcome"] == "registered"

        for place in ("champion", "candidate"):
            asked = stack.http.post(f"/models/{name}/releases", json={"as": place})
            problem = refusal(asked)
            assert [e["field"] for e in problem["errors"]] == ["monitor.production_metric"]
            assert "servery train" in problem["detail"]
        assert stack.http.get(f"/models/{name}/deployment").json().get("current") is None

        assert stack.train({**spec, "monitor": metric})["outcome"] == "registered"
        assert stack.release(name)["state"] == "succeeded"

    def test_deployment_keeps_its_log_when_somebody_switches_it_off(
        self, stack: Stack, model: str
    ) -> None:
        before = stack.deployment(model)

        problem = refusal(stack.edit(model, {"log_sample": 0}))

        assert [e["field"] for e in problem["errors"]] == ["log_sample"]
        assert "log 0.01 of the requests or more" in problem["detail"]
        assert stack.deployment(model) == before
