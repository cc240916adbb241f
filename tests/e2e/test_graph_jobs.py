"""Graphs that are asked as jobs: a queue for each member, an event for each answer, one end."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from conftest import Stack, wait_until
from test_lifecycle import rows_of

SPECIES = ("setosa", "versicolor", "virginica")
MEMBER, END = "Graph member answered", "Graph job finished"
Told = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def models(stack: Stack, released: Callable[[str], str]) -> dict[str, str]:
    """Model by species, released."""
    for species in SPECIES:
        released(f"iris-{species}")
    return {species: f"iris-{species}" for species in SPECIES}


@pytest.fixture
def flowers() -> list[dict[str, Any]]:
    """A setosa, a versicolor and a virginica."""
    records, _ = rows_of("iris", 150)
    return [records[0], records[75], records[-1]]


def team(models: dict[str, str], **group: Any) -> dict[str, Any]:
    """Three models side by side; the surest is right."""
    members = [
        {"name": s, "model": models[s], "score": "probabilities.yes", "label": s} for s in SPECIES
    ]
    return {"name": "team", "group": {"members": members, "aggregate": "argmax", **group}}


def submit(stack: Stack, graph: str, rows: list[Any], **more: Any) -> httpx.Response:
    return stack.http.post(f"/v2/graphs/{graph}/jobs", json={"records": rows}, **more)


def accepted(stack: Stack, graph: str, rows: list[Any], **more: Any) -> str:
    answer = submit(stack, graph, rows, **more)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def view(stack: Stack, graph: str, job: str) -> dict[str, Any]:
    return dict(stack.http.get(f"/v2/graphs/{graph}/jobs/{job}").raise_for_status().json())


def ended(stack: Stack, graph: str, job: str, *, seconds: float = 60) -> dict[str, Any]:
    def over() -> dict[str, Any] | None:
        found = view(stack, graph, job)
        return found if found["state"] != "open" else None

    return dict(wait_until(over, seconds=seconds, what=f"job {job} ends"))


def members(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {part["name"]: part for part in found["parts"]}


def kinds(told: list[dict[str, Any]]) -> list[str]:
    return sorted(event["detail-type"] for event in told)


def queue_of(stack: Stack, slot: int) -> str:
    """URL of the queue through which the member at a place is asked."""
    return str(stack.status["outputs"][f"GraphPart{slot}QueueUrl"])


# Nothing in its way


def test_answer_is_that_of_a_direct_request_when_all_members_are_in(
    stack: Stack, models: Any, register: Any, flowers: list[Any]
) -> None:
    graph = register(team(models))
    answer = submit(stack, graph, flowers)
    assert answer.status_code == 202, answer.text
    assert int(answer.headers["retry-after"]) >= 1
    location = answer.url.join(answer.headers["location"])

    job = ended(stack, graph, answer.json()["id"])

    assert job["state"] == "done"
    direct = stack.ask(graph, *flowers).json()["predictions"]
    assert job["result"]["predictions"] == direct
    assert {part["state"] for part in job["parts"]} == {"done"}
    assert [part["name"] for part in job["parts"]] == list(SPECIES)
    assert stack.http.get(location).json() == job


def test_each_member_and_the_end_are_told_once_when_a_job_is_done(
    stack: Stack, models: Any, register: Any, flowers: list[Any], events: Told
) -> None:
    graph = register(team(models))
    job = accepted(stack, graph, flowers)

    wait_until(lambda: len(events(job)) >= 4, seconds=30, what="all is told")

    told = events(job)
    assert kinds(told) == [END, *[MEMBER] * 3]
    assert {e["detail"]["member"] for e in told if e["detail-type"] == MEMBER} == set(SPECIES)
    assert all(event["source"] == "servery.graph" for event in told)
    assert str(flowers[0]["petal_length"]) not in json.dumps([e["detail"] for e in told])


def test_whole_graph_is_answered_when_it_is_more_than_a_group(
    stack: Stack, models: Any, register: Any, flowers: list[Any], events: Told
) -> None:
    graph = register(
        {"name": "first", "model": models["setosa"]},
        {
            "name": "second",
            "model": models["versicolor"],
            "when": {"of": "first.class", "equals": "no"},
        },
        output=["second", "first"],
    )
    job = ended(stack, graph, accepted(stack, graph, flowers))
    direct = stack.ask(graph, *flowers).json()["predictions"]
    assert (job["state"], job["result"]["predictions"]) == ("done", direct)
    wait_until(lambda: END in kinds(events(job["id"])), seconds=30, what="its end is told")


def test_job_is_the_same_when_its_key_comes_again(
    stack: Stack, models: Any, register: Any, flowers: list[Any]
) -> None:
    graph = register(team(models))
    key = {"idempotency-key": uuid.uuid4().hex}
    first = accepted(stack, graph, flowers, headers=key)
    assert accepted(stack, graph, flowers, headers=key) == first
    assert submit(stack, graph, flowers[:1], headers=key).status_code == 409
    listed = stack.http.get(f"/v2/graphs/{graph}/jobs").json()["jobs"]
    assert [job["id"] for job in listed] == [first]


def test_field_is_named_and_nothing_is_kept_when_a_request_does_not_fit(
    stack: Stack, models: Any, register: Any, flowers: list[Any]
) -> None:
    graph = register(team(models))
    row = dict(flowers[0])
    row.pop("petal_length")
    answer = submit(stack, graph, [row])
    assert answer.status_code == 422, answer.text
    assert [e["field"] for e in answer.json()["errors"]] == ["records[0].petal_length"]
    assert stack.http.get(f"/v2/graphs/{graph}/jobs").json()["jobs"] == []
    assert stack.http.get(f"/v2/graphs/{graph}/jobs/nothing").status_code == 404
    assert submit(stack, "nobody", flowers).status_code == 404


def test_command_line_waits_for_the_end_when_it_is_asked_to(
    stack: Stack, models: Any, register: Any, flowers: list[Any]
) -> None:
    graph = register(team(models))
    row = json.dumps(flowers[0])
    job = stack.json("graphs", "submit", graph, "--record", row, "--wait")
    assert job["state"] == "done"
    assert job["result"]["predictions"][0]["class"] == "setosa"
    assert stack.json("graphs", "job", graph, job["id"])["id"] == job["id"]


# A result sets the next thing going


def test_next_graph_is_asked_about_the_rows_concerned_when_a_member_answers(
    stack: Stack, models: Any, register: Any, flowers: list[Any]
) -> None:
    closer = register({"name": "again", "model": models["virginica"]})
    step = team(models)
    step["group"]["members"][2]["then"] = {
        "graph": closer,
        "when": {"of": "class", "equals": "yes"},
    }
    graph = register(step)

    job = ended(stack, graph, accepted(stack, graph, flowers))

    def followed() -> list[dict[str, Any]]:
        return list(stack.http.get(f"/v2/graphs/{closer}/jobs").json()["jobs"])

    (one,) = wait_until(followed, seconds=30, what="the next graph is asked")
    assert one["origin"] == f"{job['id']}/virginica"
    then = ended(stack, closer, one["id"])
    assert then["state"] == "done"
    assert [row["class"] for row in then["result"]["predictions"]] == ["yes"]


def test_next_graph_is_asked_once_when_the_event_comes_again(
    stack: Stack, models: Any, register: Any, flowers: list[Any], events: Told
) -> None:
    closer = register({"name": "again", "model": models["setosa"]})
    step = team(models)
    step["group"]["members"][0]["then"] = {"graph": closer}
    graph = register(step)
    job = accepted(stack, graph, flowers)
    ended(stack, graph, job)

    def answered() -> list[dict[str, Any]]:
        return [e for e in events(job) if e["detail"].get("member") == "setosa"]

    (event, *_) = wait_until(answered, seconds=30, what="the member is told")
    jobs = f"/v2/graphs/{closer}/jobs"
    wait_until(lambda: stack.http.get(jobs).json()["jobs"], seconds=30, what="it is asked")
    entry = {
        "Source": event["source"],
        "DetailType": event["detail-type"],
        "Detail": json.dumps(event["detail"]),
    }
    sent = stack.client("events").put_events(Entries=[entry] * 3)
    assert sent["FailedEntryCount"] == 0
    wait_until(lambda: len(answered()) >= 4, seconds=30, what="the repeats have arrived")
    ended(stack, closer, stack.http.get(jobs).json()["jobs"][0]["id"])
    assert len(stack.http.get(jobs).json()["jobs"]) == 1


# Deliveries that come again


@pytest.mark.slow
def test_end_is_told_once_when_every_delivery_comes_again_and_again(
    stack: Stack, models: Any, register: Any, flowers: list[Any], events: Told
) -> None:
    graph = register(team(models))
    job = accepted(stack, graph, flowers)
    sqs = stack.client("sqs")

    def again(times: int) -> None:
        for slot, name in enumerate(SPECIES):
            body = json.dumps({"job": job, "part": name, "slot": slot})
            for _ in range(times):
                sqs.send_message(QueueUrl=queue_of(stack, slot), MessageBody=body)

    again(3)  # some while it is on its way
    first = ended(stack, graph, job)
    again(3)  # and some after its end

    def drained() -> bool:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counts = [
            sqs.get_queue_attributes(QueueUrl=queue_of(stack, n), AttributeNames=names)[
                "Attributes"
            ]
            for n in range(3)
        ]
        return all(int(count) == 0 for each in counts for count in each.values())

    wait_until(drained, seconds=60, what="all deliveries are over")
    wait_until(lambda: END in kinds(events(job)), seconds=30, what="its end is told")
    events(job)  # whatever else is on its way
    told = events(job)
    assert kinds(told) == [END, *[MEMBER] * 3]
    assert view(stack, graph, job) == first


# One member is slow, down, or answers garbage


@pytest.mark.needs("local_processes")
@pytest.mark.slow
def test_job_ends_without_a_member_and_keeps_it_as_late_when_it_is_slow(
    stack: Stack, models: Any, register: Any, flowers: list[Any], events: Told
) -> None:
    whole = register(team(models))
    done = ended(stack, whole, accepted(stack, whole, flowers))
    assert done["state"] == "done"  # each member has a process, and who asks it
    graph = register(team(models, quorum=2), job_wait_s=10)
    with stack.frozen(models["versicolor"]):
        job = accepted(stack, graph, flowers)
        first = ended(stack, graph, job, seconds=90)
        assert (first["state"], first["partial"]) == ("done", True)
        assert first["missing"] == ["versicolor"]
        assert [r["missing"] for r in first["result"]["predictions"]] == [["versicolor"]] * 3

    def late() -> bool:
        return bool(members(view(stack, graph, job))["versicolor"]["late"])

    wait_until(late, seconds=180, what="the late answer is kept")
    wait_until(lambda: len(events(job)) >= 4, seconds=30, what="all is told")
    last = view(stack, graph, job)
    assert members(last)["versicolor"]["state"] in ("done", "failed")
    assert last["result"] == first["result"], "its end stays as it was"
    events(job)
    assert kinds(events(job)) == [END, *[MEMBER] * 3]
    (told,) = [e for e in events(job) if e["detail"].get("member") == "versicolor"]
    assert told["detail"]["late"] is True


@pytest.mark.slow
@pytest.mark.needs("local_processes")
def test_answer_comes_all_the_same_when_a_member_is_down_for_a_while(
    stack: Stack, models: Any, register: Any, flowers: list[Any], events: Told
) -> None:
    graph = register(team(models), job_wait_s=240)
    with stack.unloadable(models["virginica"]):
        job = accepted(stack, graph, flowers)

        def others() -> bool:
            states = {n: p["state"] for n, p in members(view(stack, graph, job)).items()}
            return (states["setosa"], states["versicolor"]) == ("done", "done")

        wait_until(others, seconds=30, what="the others are in")
        assert view(stack, graph, job)["state"] == "open"
    done = ended(stack, graph, job, seconds=200)
    assert (done["state"], done["missing"]) == ("done", [])
    said = [row["class"] for row in done["result"]["predictions"]]
    assert said == list(SPECIES)
    wait_until(lambda: END in kinds(events(job)), seconds=30, what="its end is told")


@pytest.mark.slow
@pytest.mark.needs("local_processes")
def test_job_fails_and_says_who_when_a_member_stays_down(
    stack: Stack, models: Any, register: Any, flowers: list[Any], events: Told
) -> None:
    graph = register(team(models), job_wait_s=600)
    with stack.unloadable(models["virginica"]):
        job = accepted(stack, graph, flowers)
        done = ended(stack, graph, job, seconds=300)
    assert done["state"] == "failed"
    assert "virginica" in done["reason"]
    parts = members(done)
    assert parts["virginica"]["state"] == "failed"
    assert parts["virginica"]["tries"] == 4
    assert parts["setosa"]["state"] == "done", "what is in is kept"
    wait_until(lambda: END in kinds(events(job)), seconds=90, what="its end is told")


@pytest.mark.slow
def test_job_fails_at_once_when_a_member_answers_garbage(
    stack: Stack, models: Any, register: Any, flowers: list[Any], renamed: Any
) -> None:
    model, rename = renamed
    models = {**models, "versicolor": model}
    needed = register(team(models))
    enough = register(team(models, quorum=2))
    rename()
    row = flowers[0]
    wait_until(
        lambda: not stack.ask(needed, row).is_success, seconds=20, what="its classes are others"
    )
    failed = ended(stack, needed, accepted(stack, needed, flowers), seconds=150)
    assert failed["state"] == "failed"
    assert "versicolor" in failed["reason"]
    done = ended(stack, enough, accepted(stack, enough, flowers), seconds=150)
    assert (done["state"], done["missing"]) == ("done", ["versicolor"])


def test_submitting_is_quick_when_the_members_are_slow(
    stack: Stack, models: Any, register: Any, flowers: list[Any]
) -> None:
    graph = register(team(models))
    ended(stack, graph, accepted(stack, graph, flowers))  # all have a process
    started = time.monotonic()
    job = accepted(stack, graph, flowers)
    assert time.monotonic() - started < 2
    ended(stack, graph, job)
