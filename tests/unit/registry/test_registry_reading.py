from __future__ import annotations

import pytest
from fakes.records import VERSION, a_model, a_release, a_run, a_version

PRODUCTION = "1.1.0-dabc1234.sdef5678"
SECOND = "0.1.1-dabc1234.sdef5678"


def test_all_models_are_listed_in_pages_when_there_are_many(office):
    for name in ("wine", "iris", "digits"):
        office.registry.put_model(a_model(name))
    first = office.get("/models?limit=2")
    assert [m["name"] for m in first.body["models"]] == ["digits", "iris"]
    second = office.get(f"/models?limit=2&before={first.body['next']}")
    assert [m["name"] for m in second.body["models"]] == ["wine"]
    assert second.body["next"] == ""


def test_who_answers_is_told_when_a_model_is_released(stocked):
    before = stocked.get("/models").body["models"][0]
    stocked.release()
    after = stocked.get("/models").body["models"][0]
    assert (before["champion"], before["behind"]) == ("", False)
    assert (after["champion"], after["mode"], after["runtime"]) == (PRODUCTION, "load", "onnx")
    assert (after["behind"], after["code"], after["revision"]) == (False, "code-1-onnx", 1)


def test_a_model_is_behind_when_newer_code_is_deployed(stocked):
    stocked.release()
    stocked.publisher.deployed = "code-2"
    assert stocked.get("/models").body["models"][0]["behind"] is True
    view = stocked.get("/models/iris").body
    assert view["model"]["behind"] is True
    assert view["deployment"]["behind"] == [
        {
            "version": PRODUCTION,
            "function": "predictor:1",
            "code": "code-1-onnx",
            "deployed": "code-2-onnx",
        }
    ]
    stocked.release(kind="roll")
    assert stocked.get("/models/iris").body["model"]["behind"] is False


def test_a_model_is_told_whole_when_it_is_asked_for(stocked):
    stocked.registry.put_run(a_run())
    stocked.register(SECOND, created="2026-03-02T00:00:00+00:00")
    stocked.release()
    view = stocked.get("/models/iris").body
    assert [v["version"] for v in view["versions"]] == [
        SECOND,
        "1.1.1-dabc1234.sdef5678",
        VERSION,
    ]
    assert view["spec"]["name"] == "iris"
    assert [run["training_id"] for run in view["trainings"]] == ["iris-1"]
    assert "event" not in view["trainings"][0]
    assert view["releases"][0]["state"] == "succeeded"
    assert view["deployment"]["current"]["champion"]["ref"]["training"] == "tr0"


def test_versions_come_in_pages_when_there_are_many(office):
    office.registry.put_model(a_model())
    for number in range(5):
        office.registry.add_version(
            a_version(f"0.1.{number}-d1.s1", created=f"2026-03-0{number + 1}")
        )
    first = office.get("/models/iris?limit=3").body
    assert [v["version"] for v in first["versions"]] == [
        "0.1.4-d1.s1",
        "0.1.3-d1.s1",
        "0.1.2-d1.s1",
    ]
    second = office.get(f"/models/iris?limit=3&before={first['next']}").body
    assert [v["version"] for v in second["versions"]] == ["0.1.1-d1.s1", "0.1.0-d1.s1"]
    assert second["next"] == ""
    assert office.get("/models/iris?before=0.9.9-d1.s1").status == 404


@pytest.mark.parametrize("version", [VERSION, PRODUCTION])
def test_a_version_tells_from_what_it_was_made_when_it_is_asked_for(stocked, version):
    stocked.release()
    view = stocked.get(f"/models/iris/versions/{version}").body
    assert view["version"]["version"] == version
    assert [t["ref"]["training"] for t in view["trainings"]] == ["tr0"]
    assert view["manifest"]["lineage"]["source_uri"] == "s3://raw/iris.csv"
    assert view["manifest"]["signature"]["inputs"][0]["unit"] == "cm"
    assert "sample" not in view["manifest"]
    assert view["served"] == ("champion" if version == PRODUCTION else "")


def test_runs_come_in_pages_without_their_events(office):
    office.registry.put_model(a_model())
    for minute in range(3):
        office.registry.put_run(
            a_run(f"iris-{minute}", started=f"2026-03-01T12:0{minute}:00+00:00")
        )
    first = office.get("/models/iris/trainings?limit=2").body
    assert [run["training_id"] for run in first["trainings"]] == ["iris-2", "iris-1"]
    assert first["next"] == "iris-1"
    second = office.get("/models/iris/trainings?limit=2&before=iris-1").body
    assert [run["training_id"] for run in second["trainings"]] == ["iris-0"]
    assert "event" not in second["trainings"][0]
    assert office.get("/models/iris/trainings?before=nothing").status == 404


def test_history_comes_in_pages_when_the_deployment_has_changed(stocked):
    stocked.release()
    stocked.register(SECOND, created="2026-03-02T00:00:00+00:00")
    stocked.release()
    first = stocked.get("/models/iris/deployment?limit=1").body
    assert first["current"]["revision"] == 2
    assert [d["revision"] for d in first["history"]] == [2]
    second = stocked.get(f"/models/iris/deployment?limit=1&before={first['next']}").body
    assert [d["revision"] for d in second["history"]] == [1]
    assert second["next"] == 0


@pytest.mark.parametrize("before", ["x", "-1", "1.5", "٣", "9" * 50])
def test_no_server_error_when_the_page_of_a_history_is_nonsense(stocked, before):
    stocked.release()
    assert stocked.get(f"/models/iris/deployment?before={before}").status in (200, 422)


def test_a_release_that_gave_no_sign_of_life_is_told_as_failed(office):
    office.registry.put_model(a_model())
    office.registry.put_release(a_release())
    path = f"/models/iris/releases/{a_release().id}"
    assert office.get(path).body["state"] == "running"
    office.clock.advance(900)
    told = office.get(path).body
    assert told["state"] == "failed"
    assert "before its first step" in told["reason"]
    assert office.get("/models/iris/releases").body["releases"] == [told]


@pytest.mark.parametrize(
    "path",
    [
        "/models/tulip",
        "/models/tulip/trainings",
        "/models/tulip/deployment",
        "/models/tulip/releases",
        "/models/tulip/releases/1",
        "/models/tulip/versions/1",
        "/models/iris/versions/0.9.9-d1.s1",
        "/models/iris/versions/nonsense",
        "/models/iris/deployment",
        "/models/iris/releases/none",
        "/models/%00",
        "/models/..%2F..",
        "/models/" + "x" * 5000,
        "/models/iris/nothing",
    ],
)
def test_not_found_as_a_problem_when_there_is_no_such_thing(stocked, path):
    reply = stocked.get(path)
    assert reply.status == 404
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.body["instance"] == "urn:servery:request:request-1"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=²", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("before=" + "x" * 201, "before"),
        ("page=2", "page"),
    ],
)
@pytest.mark.parametrize("path", ["/models", "/models/iris", "/models/iris/releases"])
def test_unprocessable_with_the_parameter_when_the_query_is_wrong(stocked, path, query, field):
    reply = stocked.get(f"{path}?{query}")
    assert reply.status == 422
    assert reply.body["errors"][0]["field"] == field


def test_not_allowed_with_the_methods_when_the_method_is_wrong(stocked):
    reply = stocked.send("DELETE", "/models/iris")
    assert (reply.status, reply.headers["allow"]) == (405, "GET, OPTIONS")


def test_every_route_is_answered_when_the_table_names_it(stocked):
    assert stocked.get("/openapi.json").body["openapi"].startswith("3.")
    assert stocked.get("/models/iris/trainings").status == 200


def test_a_fault_without_details_when_a_manifest_was_changed(stocked, capsys):
    stocked.objects.objects[f"models/iris/{VERSION}/tr0/manifest.json"] += b" "
    reply = stocked.get(f"/models/iris/versions/{VERSION}")
    assert reply.status == 500
    assert "manifest" not in str(reply.body)
