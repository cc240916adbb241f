"""Repeats answered from what is kept: right to the byte, never stale, and without the model."""

from __future__ import annotations

import csv
import io
import json
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from conftest import TABLE_SECONDS, Stack, in_force, wait_until
from test_batch import drop, ended
from test_lifecycle import rows_of
from test_requests import lake_lines
from trouble import Load

CACHE = {"seconds": 600, "max_entries": 100_000_000}  # no two rows of a test share a place
IN_FORCE_SECONDS = 5.0
SEEN_SECONDS = 30.0  # by the next answer, which may take its time on a busy machine
PATIENT_MS = 25_000  # a load starts further servers, which takes its time on a busy machine
CROWD = 4
LENGTHS = ("sepal_length", "sepal_width", "petal_length", "petal_width")


@pytest.fixture(scope="module")
def model(stack: Stack) -> str:
    """A model with a cache."""
    name = f"cached-{uuid.uuid4().hex[:6]}"
    assert stack.train(stack.spec("iris", name=name))["outcome"] == "registered"
    assert stack.release(name)["state"] == "succeeded"
    in_force(stack, name, {"cache": CACHE, "deadline_ms": PATIENT_MS})
    return name


def some(count: int) -> list[dict[str, Any]]:
    """Flowers that nobody has asked about before."""
    first = uuid.uuid4().int % 10**6
    rows = rows_of("iris", count)[0]
    return [{**row, "sepal_width": 2 + (first + n) / 10**6} for n, row in enumerate(rows)]


def tensors(records: list[dict[str, Any]]) -> dict[str, Any]:
    """The same rows in the other form."""
    return {
        "inputs": [
            {
                "name": name,
                "shape": [len(records)],
                "datatype": "FP64",
                "data": [row[name] for row in records],
            }
            for name in LENGTHS
        ]
    }


def ask(stack: Stack, model: str, body: Any) -> tuple[str, dict[str, Any]]:
    """What the cache did, and the answer without what says so."""
    answer = stack.infer(model, body)
    assert answer.status_code == 200, answer.text
    document = answer.json()
    said = document.get("parameters", document)
    state = said.pop("cache")
    assert state == answer.headers["x-cache"]
    said.pop("request_id")
    return state, document


def becomes(stack: Stack, model: str, body: Any, state: str) -> dict[str, Any]:
    """The answer once the cache does as it is to do: it is written after the response."""

    def so() -> dict[str, Any] | None:
        found, document = ask(stack, model, body)
        return document if found == state else None

    return dict(wait_until(so, seconds=30, what=f"the cache says {state}"))


@pytest.fixture
def uncached(stack: Stack, model: str, policies: Callable[..., Any]) -> Callable[[Any], Any]:
    """What the model answers by itself; the cache is there again after the test."""

    def by_itself(body: Any) -> dict[str, Any]:
        policies(model)
        state, document = ask(stack, model, body)
        assert state == "off"
        return document

    return by_itself


@pytest.mark.parametrize("form", ["records", "tensors"])
def test_repeat_is_the_same_answer_to_the_byte_when_it_is_kept(
    stack: Stack, model: str, uncached: Callable[[Any], Any], form: str
) -> None:
    rows = some(3)
    body = {"records": rows} if form == "records" else tensors(rows)
    state, first = ask(stack, model, body)
    kept = becomes(stack, model, body, "hit")

    assert state == "miss"
    assert kept == first
    assert uncached(body) == first


@pytest.mark.slow
def test_form_of_a_question_does_not_matter_when_its_values_are_the_same(
    stack: Stack, model: str
) -> None:
    becomes(stack, model, tensors(some(1)), "hit")  # only tensors tell the datatype of numbers

    def in_other_forms() -> list[str]:
        row = {**some(1)[0], "petal_length": 1.0}
        becomes(stack, model, {"records": [row]}, "hit")
        other = {name: row[name] for name in reversed(LENGTHS)}
        text = json.dumps({"records": [{**other, "petal_length": 1}]}, indent=3)
        answer = stack.http.post(
            f"/v2/models/{model}/infer", content=text, headers={"content-type": "application/json"}
        )
        return [answer.headers["x-cache"], ask(stack, model, tensors([row]))[0]]

    # A table that is busier than it may be is gone without, and the model asked: then another row.
    wait_until(
        lambda: in_other_forms() == ["hit", "hit"],
        seconds=TABLE_SECONDS,
        what="both are answered from the cache",
    )


def test_only_missing_rows_reach_the_model_when_most_are_kept(
    stack: Stack, model: str, uncached: Callable[[Any], Any]
) -> None:
    rows = some(100)
    becomes(stack, model, {"records": rows[:60] + rows[63:]}, "hit")

    answer = stack.infer(model, {"records": rows})

    assert (answer.status_code, answer.headers["x-cache"]) == (200, "partial")
    document = answer.json()
    plain = uncached({"records": rows})
    assert document["predictions"] == plain["predictions"]


def test_refusal_is_the_models_own_when_a_row_is_none(stack: Stack, model: str) -> None:
    good, bad = some(2)
    bad["petal_width"] = "wide"

    for _ in range(2):
        refused = stack.infer(model, {"records": [good, bad]})
        assert refused.status_code == 422
        assert [e["field"] for e in refused.json()["errors"]] == ["records[1].petal_width"]


def test_model_is_asked_once_when_several_ask_the_same_at_once(
    stack: Stack, model: str, policies: Callable[..., Any]
) -> None:
    policies(model, cache={**CACHE, "single_flight_ms": 2000}, deadline_ms=PATIENT_MS)
    kept = {"records": some(1)}
    becomes(stack, model, kept, "hit")
    with ThreadPoolExecutor(CROWD) as crowd:
        # A new process may take longer to start than callers wait for each other.
        list(crowd.map(lambda _: stack.infer(model, kept), range(4 * CROWD)))

        def at_once() -> list[str]:
            body = {"records": some(2)}
            return list(crowd.map(lambda _: ask(stack, model, body)[0], range(CROWD)))

        # A table that is busier than it may be is left alone for seconds: then each asks by itself.
        wait_until(
            lambda: at_once().count("miss") == 1,
            seconds=TABLE_SECONDS,
            what="one asks and the others wait for him",
        )


@pytest.mark.slow
def test_everything_is_forgotten_when_it_is_purged(stack: Stack, model: str) -> None:
    body = {"records": some(2)}
    becomes(stack, model, body, "hit")

    purged = stack.json("cache", "purge", model)
    generation = stack.deployment(model)["policies"]["cache"]["generation"]
    time.sleep(IN_FORCE_SECONDS)

    assert purged["policies"]["cache"]["generation"] == generation
    assert ask(stack, model, body)[0] == "miss"
    history = stack.http.get(f"/models/{model}/deployment").json()["history"]
    assert "purged" in history[0]["reason"]


@pytest.mark.needs("firehose_dynamic_partitioning")
def test_log_says_what_the_cache_did_when_a_request_went_by(stack: Stack, model: str) -> None:
    body = {"records": some(1)}
    becomes(stack, model, body, "hit")
    wanted = f"cached-{uuid.uuid4().hex[:8]}"
    stack.infer(model, body, headers={"x-request-id": wanted})

    line = wait_until(
        lambda: lake_lines(stack, f"predictions/model={model}/").get(wanted),
        seconds=60,
        what="the request is in the lake",
    )

    assert (line["cache"], line["route"], line["rows"]) == ("hit", "champion", 1)


class TestRelease:
    @pytest.mark.slow
    def test_no_answer_is_stale_when_a_version_is_released_over_a_warm_cache(
        self, stack: Stack
    ) -> None:
        name = f"fresh-{uuid.uuid4().hex[:6]}"
        spec = stack.spec("iris", name=name)
        assert stack.train(spec)["outcome"] == "registered"
        first = stack.release(name)["released_as"]
        in_force(stack, name, {"cache": {**CACHE, "hot_seconds": 600}, "deadline_ms": PATIENT_MS})
        constant = {"strategy": "constant", "constant": "virginica"}
        dummy = {"class": "sklearn.dummy.DummyClassifier", "params": constant}
        assert stack.train({**spec, "estimator": dummy, "gates": {}})["outcome"] == "registered"
        body = {"records": rows_of("iris", 1)[0]}
        assert becomes(stack, name, body, "hit")["predictions"][0]["class"] == "setosa"

        says: dict[str, set[str]] = {}
        with Load(stack, name, body) as load:
            second = stack.release(name)["released_as"]
            load.wait_for(lambda last: last.version == second, SEEN_SECONDS)
            until = time.monotonic() + IN_FORCE_SECONDS
            while time.monotonic() < until:
                document = ask(stack, name, body)[1]
                says.setdefault(document["model_version"], set()).add(
                    document["predictions"][0]["class"]
                )
        back = stack.http.post(f"/models/{name}/rollback", json={"reason": "wrong"})
        assert back.status_code == 200, back.text
        document = wait_until(
            lambda: found if (found := ask(stack, name, body)[1])["model_version"] == first else 0,
            seconds=SEEN_SECONDS,
            what="the first version is back",
        )

        assert {answer.status for answer in load.answers} == {200}
        assert says[second] == {"virginica"}
        assert says.get(first, {"setosa"}) == {"setosa"}
        assert document["predictions"][0]["class"] == "setosa"

    @pytest.mark.needs("firehose_dynamic_partitioning")
    @pytest.mark.slow
    def test_first_requests_are_hits_when_a_candidate_was_warmed_before(
        self, stack: Stack, model: str
    ) -> None:
        spec = stack.spec("iris", name=model)
        rows = some(4)
        ask(stack, model, {"records": rows})
        logged(stack, model, rows)
        trained = stack.train({**spec, "estimator": {**spec["estimator"], "params": {"C": 0.3}}})
        assert trained["outcome"] == "registered", trained
        as_candidate = stack.release(model, version=trained["version"], **{"as": "candidate"})
        candidate = as_candidate["released_as"]

        warmed = stack.json("cache", "warm", model, "--version", candidate)
        assert warmed["version"] == candidate
        assert stack.release(model, version=candidate)["state"] == "succeeded"

        found = wait_until(
            lambda: (
                said
                if (said := ask(stack, model, {"records": rows}))[1]["model_version"] == candidate
                else 0
            ),
            seconds=SEEN_SECONDS,
            what="the candidate answers",
        )
        assert found[0] == "hit"


def logged_states(stack: Stack, model: str) -> set[str]:
    """What the cache did for the requests that are in the prediction log."""
    lines = lake_lines(stack, f"predictions/model={model}/").values()
    return {str(line["cache"]) for line in lines}


def logged(stack: Stack, model: str, rows: list[dict[str, Any]]) -> None:
    """Wait until the prediction log has a request about these rows."""

    def there() -> bool:
        lines = lake_lines(stack, f"predictions/model={model}/").values()
        return any((line["input"] or {}).get("records") == rows for line in lines)

    wait_until(there, seconds=60, what="the request is in the lake")


class TestWarming:
    @pytest.mark.slow
    @pytest.mark.needs("firehose_dynamic_partitioning")
    def test_what_was_asked_is_answered_without_the_model_when_the_log_was_warmed_from(
        self, stack: Stack, model: str
    ) -> None:
        rows = some(20)
        for _ in range(3):
            ask(stack, model, {"records": rows[:5]})
        ask(stack, model, {"records": rows})
        logged(stack, model, rows)
        stack.run("cache", "purge", model)
        time.sleep(IN_FORCE_SECONDS)

        warmed = stack.json("cache", "warm", model, "--from", "lake", "--days", "2")

        assert warmed["state"] == "done", warmed
        assert warmed["distinct"] >= len(rows)
        assert warmed["displaced"] == 0
        assert warmed["before"] == {"rows": 0.0, "asked": 0.0}
        assert warmed["coverage"] == {"rows": 1.0, "asked": 1.0}
        assert ask(stack, model, {"records": rows})[0] == "hit"
        assert ask(stack, model, tensors(rows))[0] == "hit"

    @pytest.mark.slow
    @pytest.mark.needs("firehose_dynamic_partitioning")
    def test_settings_hits_and_coverage_are_told_when_a_cache_is_shown(
        self, stack: Stack, model: str
    ) -> None:
        body = {"records": some(1)}
        becomes(stack, model, body, "hit")
        wait_until(
            lambda: {"hit", "miss"} <= logged_states(stack, model),
            seconds=60,
            what="a miss and a hit are in the lake",
        )
        assert stack.json("cache", "warm", model)["state"] == "done"

        told = stack.json("cache", "show", model)

        assert told["cache"]["seconds"] == CACHE["seconds"]
        assert told["warm_up"]["state"] == "done"
        assert 0 < told["log"]["ratio"] < 1
        text = stack.run("cache", "show", model).stdout
        assert "hit ratio" in text
        assert "coverage" in text

    @pytest.mark.slow
    def test_rows_of_a_file_are_hits_when_a_batch_was_warmed_from(
        self, stack: Stack, model: str
    ) -> None:
        rows = some(30)
        text = io.StringIO()
        writer = csv.DictWriter(text, LENGTHS)
        writer.writeheader()
        writer.writerows(rows)
        source = drop(stack, model, f"{uuid.uuid4().hex}.csv", text.getvalue().encode())
        batch = ended(stack, source)
        assert batch["state"] == "succeeded", batch

        warmed = stack.json("cache", "warm", model, batch["id"], "--from", "batch")

        assert (warmed["state"], warmed["distinct"], warmed["predicted"]) == ("done", 30, 30)
        assert warmed["coverage"] == {"rows": 1.0, "asked": 1.0}
        assert ask(stack, model, {"records": rows})[0] == "hit"

    @pytest.mark.slow
    def test_way_out_is_told_when_there_is_no_cache(
        self, stack: Stack, model: str, policies: Callable[..., Any]
    ) -> None:
        policies(model)
        refused = stack.http.post(f"/models/{model}/cache/warm", json={})
        assert refused.status_code == 409
        assert "servery deployment edit" in refused.json()["detail"]
        assert stack.run("cache", "purge", model, check=False).returncode == 1


@contextmanager
def no_table(stack: Stack) -> Iterator[None]:
    """The table of the cache is gone; afterwards there is a new one."""
    client, name = stack.client("dynamodb"), stack.status["tables"]["CacheTable"]
    client.delete_table(TableName=name)
    try:
        yield
    finally:
        client.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        )


@pytest.mark.slow
@pytest.mark.needs("local_processes")
def test_answers_stay_right_when_the_table_goes_in_the_middle(
    stack: Stack, model: str, policies: Callable[..., Any], uncached: Callable[[Any], Any]
) -> None:
    rows = some(3)
    right = uncached({"records": rows})["predictions"]
    policies(model, cache={**CACHE, "hot_kb": 0}, deadline_ms=PATIENT_MS)
    becomes(stack, model, {"records": rows}, "hit")

    with Load(stack, model, {"records": rows}) as load:
        load.go_on(10)
        with no_table(stack):
            load.go_on(30)
            state, document = ask(stack, model, {"records": rows})
        gone = len(load.answers)
        load.go_on(10)

    assert gone >= 30
    assert {answer.status for answer in load.answers} == {200}
    assert state in {"off", "miss"}
    assert document["predictions"] == right
    assert becomes(stack, model, {"records": rows}, "hit")["predictions"] == right


# Data of entities


def lookup(**more: Any) -> dict[str, Any]:
    """The lengths of a flower."""
    columns = [{"name": name, "dtype": "float", "unit": "cm"} for name in LENGTHS]
    return {"entity": "flower", "key": "request.flower", "columns": columns, **more}


def steps(by_server: bool, **more: Any) -> list[dict[str, Any]]:
    """A graph whose data are looked up by the model's own server, or by the graph."""
    if by_server:
        return [{"name": "species", "model": "iris", "lookup": lookup(**more)}]
    inputs = {name: f"flower.{name}" for name in LENGTHS}
    return [
        {"name": "flower", "lookup": lookup(**more)},
        {"name": "species", "model": "iris", "inputs": inputs},
    ]


@pytest.mark.parametrize("by_server", [False, True], ids=["graph", "server"])
def test_lake_answers_and_the_table_has_it_then_when_nobody_has_loaded_an_entity(
    stack: Stack, iris: dict[str, Any], register: Any, by_server: bool
) -> None:
    key, row = f"lake-{uuid.uuid4().hex[:6]}", rows_of("iris", 1)[0][0]
    bucket = stack.status["outputs"]["LakeBucketName"]
    graph = register(*steps(by_server, from_lake=True))
    assert stack.ask(graph, {"flower": key}).status_code == 422
    stack.client("s3").put_object(
        Bucket=bucket, Key=f"entities/flower/{key}.json", Body=json.dumps(row)
    )

    answer = stack.ask(graph, {"flower": key})

    assert answer.status_code == 200, answer.text
    alone = stack.infer("iris", {"records": [row]}).json()["predictions"]
    assert answer.json()["predictions"] == alone
    stack.client("s3").delete_object(Bucket=bucket, Key=f"entities/flower/{key}.json")
    assert stack.ask(graph, {"flower": key}).json()["predictions"] == alone
    assert stack.http.get(f"/entities/flower/{key}").json() == row


@pytest.mark.parametrize("by_server", [False, True], ids=["graph", "server"])
def test_change_is_seen_in_time_when_a_lookup_keeps_data(
    stack: Stack, iris: dict[str, Any], register: Any, by_server: bool
) -> None:
    rows, truth = rows_of("iris", 150)
    first, last = rows[0], rows[-1]
    key = f"kept-{uuid.uuid4().hex[:6]}"
    graph = register(*steps(by_server, keep_s=2))

    def said() -> str:
        answer: httpx.Response = stack.ask(graph, {"flower": key})
        return str(answer.json()["predictions"][0]["class"])

    assert stack.http.put(f"/entities/flower/{key}", json=first).status_code == 204
    assert said() == truth[0]
    assert stack.http.put(f"/entities/flower/{key}", json=last).status_code == 204
    time.sleep(2.1)
    assert said() == truth[-1]
