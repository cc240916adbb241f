from __future__ import annotations

import pytest
from fakes.records import VERSION, a_model, a_version
from servery.domain.release_records import ReleaseState
from servery.errors import DeadlineExceededError, ModelServerError, UnavailableError

PRODUCTION = "1.1.0-dabc1234.sdef5678"
SECOND = "0.1.1-dabc1234.sdef5678"
RELEASES = "/models/iris/releases"


def test_accepted_with_where_to_look_when_a_release_is_asked_for(stocked):
    reply = stocked.post(RELEASES, {})
    assert reply.status == 202
    assert reply.headers["location"] == f"../../models/iris/releases/{reply.body['id']}"
    assert (reply.body["version"], reply.body["training"]) == (VERSION, "tr0")
    assert (reply.body["state"], reply.body["mode"]) == ("running", "")
    assert [r.id for r in stocked.queue.started] == [reply.body["id"]]
    assert stocked.get(f"{RELEASES}/{reply.body['id']}").body == reply.body


@pytest.mark.parametrize("body", [None, "", "  ", "{}"])
def test_the_newest_is_released_when_nothing_is_said(stocked, body):
    stocked.register("0.1.9-d0.s0", created="2026-02-01T00:00:00+00:00")
    stocked.register("0.1.0-d0.s0", created="2026-03-02T00:00:00+00:00")
    stocked.register("0.1.0-d0.s0", "tr1")
    stocked.registry.add_version(a_version("0.2.0-d1.s1", created="2026-03-03T00:00:00+00:00"))
    reply = stocked.post(RELEASES, body)
    assert (reply.body["version"], reply.body["training"]) == ("0.1.0-d0.s0", "tr1")


def test_what_is_named_is_released_when_it_is_named(stocked):
    stocked.register(VERSION, "tr1")
    stocked.register(SECOND)
    asked = {"version": VERSION, "training": "tr0", "mode": "image"}
    reply = stocked.post(RELEASES, asked)
    assert {name: reply.body[name] for name in asked} == asked


def test_its_training_is_taken_when_a_production_version_is_named(stocked):
    stocked.release()
    stocked.register(VERSION, "tr1")
    reply = stocked.post(RELEASES, {"version": PRODUCTION})
    assert (reply.body["version"], reply.body["training"]) == (PRODUCTION, "tr0")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"version": SECOND}, "version"),
        ({"version": "nonsense"}, "version"),
        ({"version": VERSION, "training": "tr7"}, "training"),
        ({"training": "tr7"}, "training"),
        ({"version": PRODUCTION, "training": "tr7"}, "training"),
        ({"version": ""}, "version"),
        ({"version": "x" * 101}, "version"),
        ({"version": 7}, "version"),
        ({"mode": "carrier pigeon"}, "mode"),
        ({"kind": "roll", "version": VERSION}, "version"),
        ({"kind": "roll", "mode": "load"}, "mode"),
        ({"kind": "explode"}, "kind"),
        ({"colour": "blue"}, "colour"),
        ([], "body"),
        ("null", "body"),
        ('"text"', "body"),
    ],
)
def test_unprocessable_with_the_field_when_the_body_does_not_fit(stocked, body, field):
    stocked.release()
    reply = stocked.post(RELEASES, body)
    assert reply.status == 422, reply.body
    assert reply.body["errors"][0]["field"] == field
    assert stocked.queue.started == []
    assert stocked.registry.leases == {}


@pytest.mark.parametrize("body", ["{", "nonsense", "\x00", '{"version": "\\ud800"}'])
def test_malformed_when_the_body_is_not_json(stocked, body):
    assert stocked.post(RELEASES, body).status == 400


def test_malformed_when_the_body_is_not_base64(stocked):
    reply = stocked.send("POST", RELEASES, "%%%", isBase64Encoded=True)
    assert reply.status == 400


def test_too_large_when_the_body_is_long(stocked):
    assert stocked.post(RELEASES, " " * 70_000).status == 413


def test_unsupported_when_the_body_is_something_else(stocked):
    reply = stocked.send("POST", RELEASES, "{}", headers={"content-type": "text/csv"})
    assert reply.status == 415


def test_not_found_when_there_is_no_such_model(stocked):
    assert stocked.post("/models/tulip/releases", {}).status == 404


def test_conflict_when_nothing_is_registered(office):
    office.registry.put_model(a_model())
    assert office.post(RELEASES, {}).status == 409
    assert office.registry.leases == {}


def test_conflict_when_there_is_nothing_to_roll(stocked):
    assert stocked.post(RELEASES, {"kind": "roll"}).status == 409


def test_conflict_that_names_the_running_one_when_two_are_asked_for(stocked):
    first = stocked.post(RELEASES, {}).body
    reply = stocked.post(RELEASES, {})
    assert reply.status == 409
    assert first["id"] in reply.body["detail"]
    assert len(stocked.queue.started) == 1


def test_nothing_is_left_when_it_cannot_be_started(stocked):
    stocked.queue.failure = UnavailableError("the release function cannot be reached")
    reply = stocked.post(RELEASES, {})
    assert reply.status == 503
    assert reply.headers["retry-after"] == "1"
    assert stocked.registry.leases == {}
    (record,) = stocked.registry.releases("iris")
    assert record.state is ReleaseState.FAILED
    assert "not started" in record.reason


@pytest.fixture
def released(stocked):
    stocked.release()
    stocked.register(SECOND, created="2026-03-02T00:00:00+00:00")
    stocked.release()
    stocked.servers.asked.clear()
    return stocked


def test_last_good_is_champion_again_when_it_is_rolled_back(released):
    reply = released.post("/models/iris/rollback", {"reason": "wrong at night"})
    assert reply.status == 200
    assert reply.headers["x-model-version"] == PRODUCTION
    assert reply.body["champion"]["ref"]["version"] == PRODUCTION
    assert reply.body["last_good"]["ref"]["version"].startswith("2.")
    assert reply.body["revision"] == 3
    assert reply.body["reason"].endswith(": wrong at night")
    assert [a.event["ref"]["version"] for a in released.servers.asked] == [PRODUCTION]
    assert released.registry.leases == {}


def test_it_comes_back_when_it_is_rolled_back_twice(released):
    before = released.registry.deployment("iris").champion
    for _ in range(2):
        assert released.post("/models/iris/rollback").status == 200
    assert released.registry.deployment("iris").champion == before


def test_conflict_when_there_is_nothing_to_go_back_to(stocked):
    stocked.release()
    reply = stocked.post("/models/iris/rollback")
    assert reply.status == 409
    assert "nothing to go back to" in reply.body["detail"]


def test_not_found_when_nothing_is_released(stocked):
    assert stocked.post("/models/iris/rollback").status == 404


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"status": 503, "ready": False, "reason": "its file is gone"}, 409),
        (ModelServerError("the model server failed"), 409),
        (DeadlineExceededError("model server", 20), 504),
        (UnavailableError("pending"), 503),
    ],
)
def test_nothing_changes_when_last_good_is_not_ready(released, answer, status):
    before = released.registry.deployment("iris")
    released.servers.answer = lambda event: answer
    assert released.post("/models/iris/rollback").status == status
    assert released.registry.deployment("iris") == before
    assert released.registry.leases == {}


def test_conflict_when_a_release_is_under_way(released):
    released.register("0.1.5-d1.s1", created="2026-03-05T00:00:00+00:00")
    running = released.post(RELEASES, {}).body["id"]
    reply = released.post("/models/iris/rollback")
    assert reply.status == 409
    assert running in reply.body["detail"]


def test_unprocessable_when_a_roll_back_says_too_much(released):
    reply = released.post("/models/iris/rollback", {"to": PRODUCTION})
    assert reply.status == 422
    assert reply.body["errors"][0]["field"] == "to"
