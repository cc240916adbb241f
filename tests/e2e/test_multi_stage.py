"""Two stages of one request: a light answer at once, a heavy one as a job, each on its own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from conftest import Stack, wait_until
from test_jobs import ended
from test_lifecycle import rows_of
from trouble import down, timed

LIGHT, HEAVY = "digits-light", "digits-heavy"
DEADLINE_S = 5.0  # of the light model
PATIENCE_S = 3.0  # for starting a function, and for writing the job down


@pytest.fixture(scope="module")
def rows() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The same images for each of the two models."""
    return rows_of(LIGHT, 20)[0], rows_of(HEAVY, 20)[0]


@pytest.fixture(scope="module")
def both(rows: Any) -> list[dict[str, Any]]:
    """What a staged request has: the columns of both models."""
    return [{**light, **heavy} for light, heavy in zip(*rows, strict=True)]


@pytest.fixture(scope="module", autouse=True)
def models(stack: Stack, released: Callable[[str], str], rows: Any) -> Iterator[None]:
    """Both models are released, and warm."""
    for model, records in zip((LIGHT, HEAVY), rows, strict=True):
        released(model)
        asked = lambda m=model, r=records: stack.infer(m, {"records": r}).status_code == 200  # noqa: E731
        wait_until(asked, seconds=60, what=f"{model} answers")
    yield


def staged(stack: Stack, records: Any, model: str = LIGHT, **more: Any) -> httpx.Response:
    return stack.http.post(f"/v2/models/{model}/staged", json={"records": records}, **more)


def job_of(stack: Stack, answer: httpx.Response, *, seconds: float = 90) -> dict[str, Any]:
    """The job of a staged answer, once it is over."""
    location = answer.url.join(answer.headers["location"])
    assert str(location).endswith(answer.json()["next"]["location"])
    return ended(stack, answer.json()["next"]["job"], seconds=seconds)


def predictions(answer: Any) -> list[dict[str, Any]]:
    """What was predicted, without the version and the stage."""
    return [{k: v for k, v in row.items() if k != "stage"} for row in answer["predictions"]]


def test_each_stage_answers_as_its_model_does_when_both_are_well(
    stack: Stack, rows: Any, both: Any, events: Callable[[str], list[dict[str, Any]]]
) -> None:
    answer = staged(stack, both)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    direct = stack.infer(LIGHT, {"records": rows[0]}).json()
    assert predictions(body) == direct["predictions"]
    assert {row["stage"] for row in body["predictions"]} == {"light"}
    assert (body["stage"], body["served_by"], body["model"]) == ("light", "staged", LIGHT)
    assert body["model_version"] == answer.headers["x-model-version"] == direct["model_version"]
    assert body["next"]["stage"] == "heavy"

    job = job_of(stack, answer)
    assert (job["state"], job["stage"], job["model"]) == ("done", "heavy", HEAVY)
    later = stack.infer(HEAVY, {"records": rows[1]}).json()
    assert job["result"]["predictions"] == later["predictions"]
    told = wait_until(lambda: events(job["id"]), seconds=30, what="the event of the job")
    assert told[0]["detail"]["stage"] == "heavy"
    assert told[0]["detail"]["state"] == "done"


def test_same_job_when_the_request_comes_again_under_its_key(stack: Stack, both: Any) -> None:
    key = {"idempotency-key": uuid.uuid4().hex}
    first, second = (staged(stack, both[:1], headers=key) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json()["next"]["job"] == second.json()["next"]["job"]


def test_other_rows_under_a_used_key_have_their_light_answer_and_no_job(
    stack: Stack, both: Any
) -> None:
    key = {"idempotency-key": uuid.uuid4().hex}
    staged(stack, both[:1], headers=key)
    answer = staged(stack, both[1:2], headers=key)
    assert answer.status_code == 200, answer.text
    assert answer.json()["next"]["state"] == "refused"
    assert answer.json()["degraded"] is True
    assert len(answer.json()["predictions"]) == 1


class TestLightInTrouble:
    def test_job_alone_within_the_deadline_when_the_light_model_is_slow(
        self, stack: Stack, both: Any
    ) -> None:
        staged(stack, both[:1])  # its server is warm, or there would be nothing to stop
        with stack.frozen(LIGHT):
            answer, seconds = timed(lambda: staged(stack, both[:2]))
        assert answer.status_code == 202, answer.text
        body = answer.json()
        assert body["predictions"] is None
        assert body["error"]["status"] == 504
        assert seconds < DEADLINE_S + PATIENCE_S
        job = job_of(stack, answer)
        assert job["state"] == "done"
        assert len(job["result"]["predictions"]) == 2

    def test_job_alone_when_the_light_model_is_down(
        self, stack: Stack, rows: Any, both: Any
    ) -> None:
        with down(stack, LIGHT, rows[0][0]):
            answer = staged(stack, both[:1])
            assert answer.status_code == 202, answer.text
            assert answer.json()["error"]["status"] >= 500
            assert job_of(stack, answer)["state"] == "done"


@pytest.mark.slow
class TestHeavyInTrouble:
    def test_light_answer_at_once_and_the_job_once_it_is_back_when_the_heavy_one_is_down(
        self, stack: Stack, rows: Any, both: Any
    ) -> None:
        with down(stack, HEAVY, rows[1][0]):
            answer, seconds = timed(lambda: staged(stack, both[:1]))
            assert answer.status_code == 200, answer.text
            assert seconds < DEADLINE_S + PATIENCE_S
            assert answer.json()["predictions"][0]["stage"] == "light"
        assert job_of(stack, answer, seconds=180)["state"] == "done"

    def test_job_fails_alone_when_the_heavy_model_refuses_what_the_light_one_does_not_see(
        self, stack: Stack, both: Any
    ) -> None:
        answer = staged(stack, [{**both[0], "pixel_0_0": 99}])
        assert answer.status_code == 200, answer.text
        job = job_of(stack, answer)
        assert (job["state"], job["status"], job["stage"]) == ("failed", 422, "heavy")
        assert job["error"]["errors"][0]["field"] == "records[0].pixel_0_0"

    def test_light_answer_and_the_reason_when_the_second_stage_is_not_released(
        self, stack: Stack
    ) -> None:
        name = f"stage-{uuid.uuid4().hex[:6]}"
        spec = stack.spec("iris-setosa", name=name)
        spec["serving"] = {**spec.get("serving", {}), "second_stage": f"{name}-later"}
        assert stack.train(spec)["outcome"] == "registered"
        assert stack.release(name)["state"] == "succeeded"
        records = rows_of("iris-setosa", 2)[0]

        answer = staged(stack, records, model=name)

        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body["degraded"] is True
        assert body["next"]["state"] == "refused"
        assert "is not released" in body["next"]["reason"]
        assert len(body["predictions"]) == 2
        assert "location" not in answer.headers


class TestInput:
    def test_no_job_when_the_light_model_refuses(self, stack: Stack, both: Any) -> None:
        def jobs() -> list[str]:
            listed = stack.http.get("/jobs", params={"model": HEAVY}).raise_for_status().json()
            return [job["id"] for job in listed["jobs"]]

        before = jobs()
        answer = staged(stack, [{**both[0], "ink": "much"}])
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["field"] == "records[0].ink"
        assert jobs() == before

    @pytest.mark.parametrize(
        ("change", "field"),
        [({"weight": 1}, "records[0].weight"), ({"pixel_3_3": None}, "records[0].pixel_3_3")],
        ids=["of neither", "missing"],
    )
    def test_422_by_field_when_a_column_is_not_that_of_the_two(
        self, stack: Stack, both: Any, change: dict[str, Any], field: str
    ) -> None:
        row = {k: v for k, v in {**both[0], **change}.items() if v is not None}
        answer = staged(stack, [row])
        assert answer.status_code == 422, answer.text
        assert field in [error["field"] for error in answer.json()["errors"]]

    def test_404_when_a_model_has_one_stage(self, stack: Stack, rows: Any) -> None:
        answer = staged(stack, rows[1][:1], model=HEAVY)
        assert answer.status_code == 404
        assert "second stage" in answer.json()["detail"]
