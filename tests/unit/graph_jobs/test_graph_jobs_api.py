"""Jobs of graphs over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fakes.fan_out_plant import FanOut
from servery.edge.api import Api
from servery.edge.cors import Cors
from servery.edge.graph.jobs import GraphJobsApi
from servery.edge.telemetry import Telemetry
from servery.errors import UnavailableError
from servery.usecases.graph.fan_out.reading import GraphReadPorts

ROWS = {"records": [{"x": 1.5}, {"x": 2}]}


class Client:
    """Asks the routes of a plant."""

    def __init__(self, plant: FanOut) -> None:
        reading = GraphReadPorts(
            store=plant.store, documents=plant.documents, graphs=plant, clock=plant.clock
        )
        calls = GraphJobsApi(plant, plant.submitting, reading).calls()
        self._api = Api("graph", calls, cors=Cors(""), telemetry=Telemetry("graph"))

    def send(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any, Any]:
        """Status, body and headers of an answer."""
        event = {
            "httpMethod": method,
            "path": path,
            "body": body if isinstance(body, str) or body is None else json.dumps(body),
            "headers": more.get("headers", {}),
            "queryStringParameters": more.get("query"),
            "requestContext": {"requestId": "r-1"},
        }
        answer = self._api.serve(event)
        return answer["statusCode"], json.loads(answer["body"]), answer["headers"]

    def submit(self, body: Any = ROWS, graph: str = "g", **more: Any) -> tuple[int, Any, Any]:
        return self.send("POST", f"/v2/graphs/{graph}/jobs", body, **more)

    def get(self, job: str, graph: str = "g", **more: Any) -> tuple[int, Any, Any]:
        return self.send("GET", f"/v2/graphs/{graph}/jobs/{job}", **more)

    def list(self, graph: str = "g", **query: str) -> tuple[int, Any, Any]:
        return self.send("GET", f"/v2/graphs/{graph}/jobs", query=query)


@pytest.fixture
def client(plant: FanOut) -> Client:
    plant.group("a", "b")
    return Client(plant)


def test_job_is_accepted_and_where_to_look_is_told_when_rows_fit(client, plant):
    status, job, headers = client.submit()
    assert status == 202
    assert headers["location"] == f"jobs/{job['id']}"
    assert headers["retry-after"] == "1"
    assert (job["state"], job["result"], job["error"]) == ("open", None, None)
    assert [(p["name"], p["state"]) for p in job["parts"]] == [("a", "waiting"), ("b", "waiting")]
    assert plant.waiting == 2


def test_answer_is_there_when_all_parts_are_in(client, plant):
    job = client.submit()[1]["id"]
    plant.work()
    status, found, headers = client.get(job)
    assert (status, found["state"]) == (200, "done")
    assert "retry-after" not in headers
    said = {"a": {"class": "yes"}, "b": {"class": "no"}}
    assert [
        {name: {"class": row[name]["class"]} for name in said}
        for row in found["result"]["predictions"]
    ] == [said] * 2
    assert all("predictions" in part for part in found["parts"])
    assert [part["predictions"] for part in found["parts"]] == [None, None]


def test_each_part_has_its_answer_when_that_is_asked_for(client, plant):
    job = client.submit()[1]["id"]
    plant.work()
    parts = client.get(job, query={"answers": "true"})[1]["parts"]
    assert [[row["class"] for row in p["predictions"]] for p in parts] == [["yes"] * 2, ["no"] * 2]
    assert client.get(job, query={"answers": "yes"})[0] == 422


def test_same_job_comes_back_when_the_key_comes_again(client, plant):
    key = {"Idempotency-Key": "order-1"}
    first = client.submit(headers=key)[1]["id"]
    plant.work()
    status, again, _ = client.submit(headers=key)
    assert (status, again["id"], again["state"]) == (202, first, "done")
    assert again["result"] is not None
    assert client.submit({"records": [{"x": 9}]}, headers=key)[0] == 409


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"records": [{"x": "1"}]}, "records[0].x"),
        ({"records": [{}]}, "records[0].x"),
        ({"records": []}, "records"),
        ({"rows": []}, "rows"),
    ],
)
def test_422_by_field_and_nothing_is_kept_when_rows_do_not_fit(client, plant, body, field):
    status, problem, _ = client.submit(body)
    assert status == 422
    assert field in [error["field"] for error in problem["errors"]]
    assert plant.memory.all() == []


def test_404_when_there_is_no_such_graph_or_job(client):
    assert client.submit(graph="nobody")[0] == 404
    assert client.list(graph="nobody")[0] == 404
    assert client.get("nothing")[0] == 404
    assert client.get("0" * 26)[0] == 404


def test_job_is_not_found_under_another_graph_when_it_is_looked_for(client, plant):
    plant.group("a", "b", name="other")
    job = client.submit()[1]["id"]
    assert client.get(job, graph="other")[0] == 404
    assert client.list(graph="other")[1] == {"jobs": [], "next": ""}


def test_pages_hold_every_job_once_when_they_are_turned(client, plant):
    made = []
    for _ in range(5):
        made.append(client.submit()[1]["id"])
        plant.clock.advance(1)
    found: list[str] = []
    before = ""
    while True:
        page = client.list(limit="2", **({"before": before} if before else {}))[1]
        found += [job["id"] for job in page["jobs"]]
        before = page["next"]
        if not before:
            break
    assert found == made[::-1]


def test_those_in_a_state_are_listed_when_it_is_named(client, plant):
    done = client.submit()[1]["id"]
    plant.work()
    client.submit()
    assert [job["id"] for job in client.list(state="done")[1]["jobs"]] == [done]
    assert len(client.list(state="open")[1]["jobs"]) == 1
    assert client.list(state="queued")[0] == 422
    assert client.list(model="x")[0] == 422


def test_job_is_accepted_all_the_same_when_the_topic_is_down(client, plant, capsys):
    plant.topic.failure = UnavailableError("the topic is down")
    status, job, _ = client.submit()
    assert (status, job["state"]) == (202, "open")
    line = next(json.loads(s) for s in capsys.readouterr().out.splitlines() if "Unsent" in s)
    assert line["GraphJobsUnsent"] == 1
    plant.topic.failure = None
    plant.go_on(60)
    assert client.get(job["id"])[1]["state"] == "done"


def test_503_when_it_cannot_be_written_down(client, plant):
    plant.memory.failure = UnavailableError("the table is down")
    assert client.submit()[0] == 503
    plant.memory.failure = None
    assert plant.waiting == 0
