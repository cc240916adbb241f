"""What a model server cannot take is refused before it, and what a refused request is given."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from conftest import Stack, wait_until
from test_jobs import ended
from test_lifecycle import rows_of
from trouble import Load, timed, without_table

REFUSED = "urn:servery:problem:refused"
RATE, BURST = 2.0, 3
HANDS = 4
STARVED = {"per_second": 0.02, "burst": 1}
"""One request, and then none for most of a minute."""
SPECIES = ("setosa", "versicolor", "virginica")
BREAKER = {"failures": 3, "open_s": 4, "successes": 1}
Policies = Callable[..., dict[str, Any]]


def released(stack: Stack, name: str, **estimator: Any) -> str:
    spec = stack.spec("iris", name=name)
    spec["serving"]["deadline_ms"] = 25_000
    if estimator:
        spec |= {"estimator": estimator, "gates": {}}
    assert stack.train(spec)["outcome"] == "registered"
    assert stack.release(name)["state"] == "succeeded"
    return name


@pytest.fixture(scope="module")
def busy(stack: Stack) -> str:
    """A model that is asked too often."""
    return released(stack, f"busy-{uuid.uuid4().hex[:6]}")


@pytest.fixture(scope="module")
def light(stack: Stack) -> str:
    """A model that takes the same and always says the same."""
    params = {"strategy": "constant", "constant": "versicolor"}
    dummy = {"class": "sklearn.dummy.DummyClassifier", "params": params}
    return released(stack, f"light-{uuid.uuid4().hex[:6]}", **dummy)


@pytest.fixture
def rows() -> dict[str, Any]:
    """A body with two good rows."""
    return {"records": rows_of("iris", 2)[0]}


def refused(answer: httpx.Response) -> dict[str, Any]:
    """The problem of a request that a policy kept from its model."""
    assert answer.status_code == 503, answer.text
    problem = dict(answer.json())
    assert problem["type"] == REFUSED, problem
    assert int(answer.headers["retry-after"]) >= 1
    return problem


def until_starved(
    stack: Stack, model: str, body: dict[str, Any] | Callable[[], dict[str, Any]]
) -> httpx.Response:
    """Ask until the rate is used up; the first answer that is no answer of the model."""

    def asked() -> httpx.Response | None:
        answer = stack.infer(model, body() if callable(body) else body)
        direct = answer.status_code == 200 and answer.headers["x-served-by"] == "champion"
        return None if direct else answer

    found = wait_until(asked, seconds=30, what="the rate is used up")
    assert isinstance(found, httpx.Response)
    return found


def crowd(stack: Stack) -> None:
    """Have as many gateways as ask at once: what starts meanwhile makes the tables late."""
    with ThreadPoolExecutor(HANDS) as pool:
        list(pool.map(lambda _: stack.http.get("/v2/health/live"), range(2 * HANDS)))


class TestRate:
    def test_no_more_get_through_than_the_rate_and_the_burst(
        self, stack: Stack, busy: str, policies: Policies, rows: dict[str, Any]
    ) -> None:
        crowd(stack)
        policies(busy, circuit={"rate": {"per_second": RATE, "burst": BURST}})
        time.sleep(BURST / RATE)  # the bucket is full
        began = time.monotonic()
        with Load(stack, busy, rows, hands=HANDS) as load:
            load.go_on(40)
        seconds = time.monotonic() - began

        accepted = [a for a in load.answers if a.status == 200]
        assert {a.status for a in load.answers} == {200, 503}
        assert BURST <= len(accepted) <= RATE * (seconds + 1) + BURST
        assert {(a.kind, a.served_by) for a in load.answers if a.status == 503} == {(REFUSED, "")}
        problem = refused(until_starved(stack, busy, rows))
        assert problem["detail"] == "more than 2 requests a second (burst 3)"

    def test_other_models_go_on_when_one_is_asked_too_often(
        self, stack: Stack, busy: str, light: str, policies: Policies, rows: dict[str, Any]
    ) -> None:
        policies(busy, circuit={"rate": STARVED})
        refused(until_starved(stack, busy, rows))

        assert stack.infer(light, rows).status_code == 200

    @pytest.mark.slow
    def test_requests_are_let_through_when_the_table_of_limits_is_away(
        self, stack: Stack, busy: str, policies: Policies, rows: dict[str, Any]
    ) -> None:
        gateway = stack.status["functions"]["GatewayFunction"]
        config = stack.client("lambda").get_function_configuration(FunctionName=gateway)
        policies(
            busy,
            circuit={"rate": STARVED, "concurrency": {"at_once": 1}, "breaker": {"failures": 2}},
        )
        refused(until_starved(stack, busy, rows))
        with without_table(stack, config["Environment"]["Variables"]["LIMITS_TABLE"]):
            wait_until(
                lambda: stack.infer(busy, rows).status_code == 200, seconds=20, what="let through"
            )
            answers = [stack.infer(busy, rows) for _ in range(5)]
        assert {a.status_code for a in answers} == {200}


class TestConcurrency:
    @pytest.mark.slow
    def test_one_at_a_time_is_let_through_and_the_others_know_at_once(
        self, stack: Stack, busy: str, policies: Policies, rows: dict[str, Any]
    ) -> None:
        policies(busy, deadline_ms=8000, circuit={"concurrency": {"at_once": 1, "wait_ms": 0}})
        assert stack.infer(busy, rows).status_code == 200
        crowd(stack)
        with ThreadPoolExecutor(HANDS) as pool, stack.frozen(busy):
            asked = list(pool.map(lambda _: timed(lambda: stack.infer(busy, rows)), range(HANDS)))

        assert sorted(a.status_code for a, _ in asked) == [503, 503, 503, 504]
        for answer, seconds in asked:
            if answer.status_code == 503:
                told = "1 requests are being answered already, and no more at a time"
                assert refused(answer)["detail"] == told
                assert seconds < 6
        wait_until(
            lambda: stack.infer(busy, rows).status_code == 200, seconds=30, what="its turn came"
        )

    def test_everybody_is_answered_in_turn_when_there_is_time_to_wait(
        self, stack: Stack, busy: str, policies: Policies, rows: dict[str, Any]
    ) -> None:
        policies(busy, circuit={"concurrency": {"at_once": 1, "wait_ms": 5000}})
        with ThreadPoolExecutor(3) as pool:
            answers = list(pool.map(lambda _: stack.infer(busy, rows), range(12)))

        statuses = [a.status_code for a in answers]
        assert statuses.count(200) >= 10, statuses
        assert set(statuses) <= {200, 503}


class TestBreaker:
    def test_server_is_left_alone_when_it_keeps_failing_and_asked_again_later(
        self, stack: Stack, busy: str, policies: Policies, rows: dict[str, Any]
    ) -> None:
        policies(busy, circuit={"breaker": BREAKER})
        with stack.unloadable(busy):

            def opened() -> dict[str, Any] | None:
                answer = stack.infer(busy, rows)
                assert answer.status_code in (500, 502, 503), answer.text
                problem = dict(answer.json())
                return problem if problem["type"] == REFUSED else None

            problem = wait_until(opened, seconds=60, what="the breaker opens")
            assert problem["detail"] == (
                "the model server failed 3 times in a row, and is left alone for 4 s"
            )
        wait_until(
            lambda: stack.infer(busy, rows).status_code == 200, seconds=90, what="it closes again"
        )
        answers = [stack.infer(busy, rows) for _ in range(5)]
        assert {a.status_code for a in answers} == {200}

    def test_breaker_stays_closed_when_only_inputs_are_refused(
        self, stack: Stack, busy: str, policies: Policies, rows: dict[str, Any]
    ) -> None:
        policies(busy, circuit={"breaker": {"failures": 2, "open_s": 60}})
        bad = {"records": [{**rows["records"][0], "petal_width": -1.0}]}

        statuses = [stack.infer(busy, bad).status_code for _ in range(8)]

        assert statuses == [422] * 8
        assert stack.infer(busy, rows).status_code == 200


class TestFallbacks:
    def starve(self, policies: Policies, model: str, fallback: dict[str, Any], **more: Any) -> None:
        own = STARVED["per_second"] - uuid.uuid4().int % 10**6 / 10**9  # a bucket that is full
        rate = {**STARVED, "per_second": own}
        policies(model, circuit={"rate": rate, "fallback": fallback}, **more)

    def marked(self, answer: httpx.Response, kind: str) -> dict[str, Any]:
        """The body of an answer that says what stood in."""
        body = dict(answer.json())
        assert (body["degraded"], body["served_by"]) == (True, f"fallback:{kind}"), body
        assert answer.headers["x-served-by"] == f"fallback:{kind}"
        return body

    def test_refuse_says_when_to_come_again(
        self, stack: Stack, busy: str, policies: Policies, rows: dict[str, Any]
    ) -> None:
        self.starve(policies, busy, {"kind": "refuse", "retry_after_s": 90})
        answer = until_starved(stack, busy, rows)
        refused(answer)
        assert answer.headers["retry-after"] == "90"

    def test_default_is_given_for_each_row(
        self, stack: Stack, busy: str, policies: Policies, rows: dict[str, Any]
    ) -> None:
        default = {"class": "setosa", "probabilities": dict(zip(SPECIES, (1, 0, 0), strict=True))}
        self.starve(policies, busy, {"kind": "default", "default": default})
        answer = until_starved(stack, busy, rows)
        assert answer.status_code == 200, answer.text
        body = self.marked(answer, "default")
        assert [row["class"] for row in body["predictions"]] == ["setosa", "setosa"]
        names = list(rows["records"][0])
        inputs = [
            {"name": n, "datatype": "FP64", "shape": [2], "data": [r[n] for r in rows["records"]]}
            for n in names
        ]
        tensors = stack.infer(busy, {"inputs": inputs}).json()
        outputs = {output["name"]: output["data"] for output in tensors["outputs"]}
        assert outputs["class"] == ["setosa", "setosa"]

    @pytest.mark.slow
    def test_cached_answers_what_is_kept_and_refuses_the_rest(
        self, stack: Stack, busy: str, policies: Policies
    ) -> None:
        known, unknown = ({"records": [row]} for row in rows_of("iris", 12)[0][10:])
        policies(busy, cache={"seconds": 600})
        kept(stack, busy, known)
        self.starve(policies, busy, {"kind": "cached"}, cache={"seconds": 600})
        refused(until_starved(stack, busy, lambda: wider(unknown)))
        assert stood_in(stack, busy, known).json()["cache"] == "hit"

    @pytest.mark.slow
    def test_last_known_is_given_when_the_cache_was_emptied(
        self, stack: Stack, busy: str, policies: Policies
    ) -> None:
        known, unknown = ({"records": [row]} for row in rows_of("iris", 22)[0][20:])
        fallback = {"kind": "last_known"}
        wide = {"per_second": 100.0, "burst": 100}
        policies(busy, cache={"seconds": 600}, circuit={"rate": wide, "fallback": fallback})
        direct = kept(stack, busy, known)
        self.starve(policies, busy, fallback, cache={"seconds": 600, "generation": 1})
        until_starved(stack, busy, lambda: wider(unknown))

        body = self.marked(stood_in(stack, busy, known), "last_known")
        assert body["predictions"][0]["class"] == direct["predictions"][0]["class"]
        refused(stack.infer(busy, wider(unknown)))

    def test_light_model_answers_and_is_named(
        self, stack: Stack, busy: str, light: str, policies: Policies, rows: dict[str, Any]
    ) -> None:
        self.starve(policies, busy, {"kind": "light", "model": light})
        answer = until_starved(stack, busy, rows)
        assert answer.status_code == 200, answer.text
        body = self.marked(answer, "light")
        assert [row["class"] for row in body["predictions"]] == ["versicolor", "versicolor"]
        version = stack.deployment(light)["champion"]["ref"]["version"]
        assert body["model_version"] == answer.headers["x-model-version"] == version

    def test_request_becomes_a_job_that_is_answered(
        self, stack: Stack, busy: str, policies: Policies, rows: dict[str, Any]
    ) -> None:
        direct = stack.infer(busy, rows).json()
        self.starve(policies, busy, {"kind": "queue"})
        answer = until_starved(stack, busy, rows)
        assert answer.status_code == 202, answer.text
        body = self.marked(answer, "queue")
        location = answer.url.join(answer.headers["location"])
        assert location.path.endswith(f"/jobs/{body['id']}")
        job = ended(stack, body["id"])
        assert (job["state"], job["status"]) == ("done", 200)
        assert job["result"]["predictions"] == direct["predictions"]
        assert stack.http.get(location).json() == job

    def test_wrong_value_is_told_when_the_light_model_refuses_it(
        self, stack: Stack, busy: str, light: str, policies: Policies, rows: dict[str, Any]
    ) -> None:
        self.starve(policies, busy, {"kind": "light", "model": light})
        until_starved(stack, busy, rows)
        wrong = {"records": [{**rows["records"][0], "petal_width": -1.0}]}

        answer = stack.infer(busy, wrong)

        assert answer.status_code == 422, answer.text
        assert "petal_width" in answer.json()["errors"][0]["field"]


def stood_in(stack: Stack, model: str, body: dict[str, Any]) -> httpx.Response:
    """What is answered out of a table, which is gone without for seconds where it is late."""

    def found() -> httpx.Response | None:
        answer = stack.infer(model, body)
        assert answer.status_code in (200, 503), answer.text
        return answer if answer.status_code == 200 else None

    answer = wait_until(found, seconds=30, what="the table is read in time")
    assert isinstance(answer, httpx.Response)
    return answer


def kept(stack: Stack, model: str, body: dict[str, Any]) -> dict[str, Any]:
    """The model's own answer, once the cache has it."""

    def hit() -> dict[str, Any] | None:
        answer = dict(stack.infer(model, body).json())
        return answer if answer["cache"] == "hit" else None

    return dict(wait_until(hit, seconds=30, what="the answer is kept"))


def wider(body: dict[str, Any]) -> dict[str, Any]:
    """The same row a little wider each time, so that no cache can have it."""
    (row,) = body["records"]
    return {"records": [{**row, "sepal_length": row["sepal_length"] + time.time() % 1}]}
