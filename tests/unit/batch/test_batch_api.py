"""Batches over HTTP."""

from __future__ import annotations

import json

import pytest
from fakes.api_calls import call as call_api
from fakes.batch_plant import BUCKET, Plant
from fakes.records import a_model
from servery.edge.api import Api
from servery.edge.batch import BatchApi
from servery.edge.cors import Cors
from servery.edge.telemetry import Telemetry
from servery.errors import RejectedError, UnavailableError


@pytest.fixture
def plant():
    return Plant()


@pytest.fixture
def call(plant):
    batches = BatchApi(plant.store, registry=plant.registry, queue=plant.queue, bucket=BUCKET)
    api = Api("batch", batches.calls(), cors=Cors(""), telemetry=Telemetry("batch"))

    def call(method, path, body=None, **query):
        return call_api(api, method, path, body, queryStringParameters=query or None)

    return call


def test_a_batch_is_told_whole_when_it_has_succeeded(plant, call):
    batch = plant.dropped(3, origin="submit")
    plant.run(batch)
    status, headers, body = call("GET", f"/batches/{batch.id}")

    assert status == 200
    assert "retry-after" not in headers
    assert headers["x-model-version"] == body["model_version"] == "1.1.0-dabc1234.sdef5678"
    where = f"s3://exchange/outbox/iris/{batch.id}"
    assert body["outputs"] == [f"{where}/part-00000.csv", f"{where}/part-00001.csv"]
    assert (body["manifest"], body["rejects"]) == (f"{where}/manifest.json", "")
    assert (body["rows_in"], body["rows_out"], body["rows_rejected"]) == (3, 3, 0)
    assert (body["chunks"], body["chunks_done"], body["chunks_failed"]) == (2, 2, 0)
    assert body["source"] == "s3://exchange/inbox/iris/rows.csv"
    assert (body["id"], body["model"], body["state"]) == (batch.id, "iris", "succeeded")
    assert (body["format"], body["output"], body["run"], body["origin"]) == (
        "csv",
        "csv",
        1,
        "submit",
    )
    assert body["created"] <= body["started"] <= body["finished"]
    assert (body["reason"], body["same_as"], body["stale_model"]) == ("", "", False)


def test_caller_is_asked_to_come_again_when_the_batch_is_not_over(plant, call):
    batch = plant.dropped(3)
    status, headers, body = call("GET", f"/batches/{batch.id}")

    assert (status, headers["retry-after"], body["state"]) == (200, "1", "queued")
    assert (body["outputs"], body["model_version"], body["format"]) == ([], "", "")


def test_not_found_when_there_is_no_such_batch(call):
    for path in ("/batches/" + "f" * 24, "/batches/x%00"):
        assert call("GET", path)[0] == 404
        assert call("POST", f"{path}/rerun", {})[0] == 404


def test_pages_lead_through_all_batches_when_there_are_several(plant, call):
    plant.registry.put_model(a_model("wine"))
    made = [plant.start(plant.drop(rows, model=model)).batch
            for rows in (1, 2) for model in ("iris", "wine")]  # fmt: skip
    seen, before = [], ""
    while True:
        query = {"before": before} if before else {}
        _, _, page = call("GET", "/batches", limit="3", **query)
        seen += [batch["id"] for batch in page["batches"]]
        before = page["next"]
        if not before:
            break

    assert seen == made[::-1]
    _, _, page = call("GET", "/batches", model="wine")
    assert [batch["id"] for batch in page["batches"]] == [made[3], made[1]]


def test_only_batches_in_the_state_come_when_one_is_asked_for(plant, call):
    done = plant.dropped(1)
    plant.run(done)
    plant.dropped(2)

    _, _, page = call("GET", "/batches", state="succeeded")
    assert [batch["id"] for batch in page["batches"]] == [done.id]
    assert page["batches"][0]["rows_out"] == 1


@pytest.mark.parametrize(
    "query",
    [
        {"state": "lost"},
        {"limit": "0"},
        {"before": "2026"},
        {"before": "x" * 300},
        {"colour": "red"},
    ],
)
def test_refused_when_the_query_is_wrong(call, query):
    status, _, body = call("GET", "/batches", **query)
    assert status == 422
    assert body["errors"][0]["field"] == next(iter(query))


def test_the_failed_chunks_run_when_the_batch_is_to_run_again(plant, call):
    batch = plant.dropped(5)
    plant.crashes["00001"] = [RejectedError("no")]
    plant.run(batch)
    status, headers, body = call("POST", f"/batches/{batch.id}/rerun", {"policy": "failed"})

    assert (status, headers["location"]) == (202, f"../{batch.id}")
    assert (body["state"], body["run"], body["reason"]) == ("queued", 2, "")
    assert plant.queue.started[-1] == f"{batch.id}-2"
    assert call("POST", f"/batches/{batch.id}/rerun")[0] == 409


def test_the_batch_is_planned_anew_when_all_of_it_is_to_run_again(plant, call):
    batch = plant.dropped(5)
    plant.run(batch)
    assert call("POST", f"/batches/{batch.id}/rerun", {"policy": "failed"})[0] == 409
    status, _, body = call("POST", f"/batches/{batch.id}/rerun", {"policy": "all"})

    assert status == 202
    assert (body["chunks"], body["rows_in"], body["outputs"]) == (0, 0, [])
    assert plant.store.get(batch.id).ref is None


def test_a_skipped_batch_runs_when_all_of_it_is_asked_for(plant, call):
    plant.run(plant.dropped(2))
    skipped = plant.dropped(2)

    assert call("POST", f"/batches/{skipped.id}/rerun")[0] == 409
    assert call("POST", f"/batches/{skipped.id}/rerun", {"policy": "all"})[0] == 202
    assert plant.run(skipped).status == "SUCCEEDED"
    assert call("GET", f"/batches/{skipped.id}")[2]["same_as"] == ""


def test_conflict_when_the_batch_was_refused_with_what_was_said(plant, call):
    refused = plant.dropped(2, output="xlsx")
    status, _, body = call("POST", f"/batches/{refused.id}/rerun", {"policy": "all"})
    assert (status, "drop it again" in body["detail"]) == (409, True)


@pytest.mark.parametrize(
    ("body", "status"), [({"policy": "some"}, 422), ({"polcy": "all"}, 422), ([], 422)]
)
def test_refused_when_the_body_is_wrong(plant, call, body, status):
    batch = plant.dropped(2)
    assert call("POST", f"/batches/{batch.id}/rerun", body)[0] == status


def test_batch_stays_queued_when_it_cannot_be_started_now(plant, call):
    batch = plant.dropped(5)
    plant.crashes["00001"] = [RejectedError("no")]
    plant.run(batch)
    plant.queue.failure = UnavailableError("down")

    assert call("POST", f"/batches/{batch.id}/rerun")[0] == 503
    assert plant.store.get(batch.id).state == "queued"


def test_a_model_is_a_dimension_only_when_it_has_batches(plant, call, capsys):
    plant.dropped(3)
    for model in ("iris", "made-up-5.4321098"):
        assert call("GET", "/batches", model=model)[0] == 200

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("model") for line in lines] == ["iris", None]
