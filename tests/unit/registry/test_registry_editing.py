"""Policies over HTTP: checked, written as a revision, and never in the way of the kill switch."""

from __future__ import annotations

import json

import jsonschema
import msgspec
import pytest
from devkit import plain_yaml
from fakes.artifacts import SIGNATURE
from fakes.template import ROOT
from servery.domain.deployment import Deployment
from servery.domain.policies import Policies, policies_json_schema
from servery.domain.releases import release_lease

PATH = "/models/iris/deployment"
FIRST = "1.1.0-dabc1234.sdef5678"
SECOND, SECOND_OUT = "0.1.1-dabc1234.sdef5678", "2.1.1-dabc1234.sdef5678"
EXPERIMENT = {
    "name": "size",
    "header": "x-user",
    "variants": [
        {"name": "old", "version": FIRST, "weight": 0.9},
        {"name": "new", "version": SECOND_OUT, "weight": 0.1},
    ],
}


@pytest.fixture
def released(stocked):
    stocked.release()
    return stocked


@pytest.fixture
def two(released):
    """A champion and a candidate."""
    released.register(SECOND, created="2026-03-02T00:00:00+00:00")
    released.release(version=SECOND, **{"as": "candidate"})
    return released


def edit(office, policies, revision=None, **more):
    current = office.registry.deployment("iris").revision
    body = {"revision": revision or current, "policies": policies, **more}
    return office.post(PATH, body)


def current(office) -> Deployment:
    return office.registry.deployment("iris")


def test_policies_are_a_revision_when_they_are_changed(released):
    released.clock.advance(60)
    reply = edit(released, {"cache": {"seconds": 60}}, reason="too slow")
    assert reply.status == 200
    assert reply.body["revision"] == 2
    assert reply.body["policies"]["cache"]["seconds"] == 60
    assert reply.body["reason"] == "policies: too slow"
    assert reply.body["changed"] == released.clock.now().isoformat()
    assert msgspec.convert(reply.body, Deployment) == current(released)
    shown = released.get(PATH).body
    assert [h["revision"] for h in shown["history"]] == [2, 1]
    assert shown["history"][1]["policies"]["cache"] is None


def test_policies_win_over_the_spec_until_they_are_taken_out(released):
    edit(released, {"deadline_ms": 777, "log_sample": 0.25})
    assert (current(released).deadline_ms, current(released).log_sample) == (777, 0.25)
    edit(released, {})
    assert (current(released).deadline_ms, current(released).log_sample) == (2500, 0.5)


def test_nothing_is_written_when_the_policies_are_the_same(released):
    assert edit(released, {}).body["revision"] == 1
    assert current(released).revision == 1


def test_conflict_when_the_revision_is_stale(released):
    edit(released, {"cache": {}})
    reply = edit(released, {}, revision=1)
    assert reply.status == 409
    assert "at revision 2" in reply.body["detail"]
    assert current(released).policies.cache is not None


def test_conflict_when_somebody_is_faster(released, monkeypatch):
    write = released.registry.put_deployment

    def late(deployment):
        write(msgspec.structs.replace(deployment, reason="faster"))
        write(deployment)

    monkeypatch.setattr(released.registry, "put_deployment", late)
    assert edit(released, {"cache": {}}).status == 409
    assert current(released).reason == "faster"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (None, "revision"),
        ({"revision": 1}, "policies"),
        ({"policies": {}}, "revision"),
        ({"revision": 0, "policies": {}}, "revision"),
        ({"revision": 1, "policies": {"cache": {"second": 1}}}, "policies.cache.second"),
        ({"revision": 1, "policies": {"cache": {"seconds": "1"}}}, "policies.cache.seconds"),
        ({"revision": 1, "policies": {"log_sample": 2}}, "policies.log_sample"),
        (
            {"revision": 1, "policies": {"routing": {"off": {"kind": "x"}}}},
            "policies.routing.off.kind",
        ),
        ({"revision": 1, "policies": {"routing": {"version": "9"}}}, "routing.version"),
        ({"revision": 1, "policies": {"log_sample": 0}}, "log_sample"),
    ],
)
def test_unprocessable_with_the_field_when_it_does_not_fit(released, body, field):
    reply = released.post(PATH, body)
    assert reply.status == 422, reply.body
    assert reply.body["errors"][0]["field"] == field
    assert current(released).revision == 1


def test_not_found_when_nothing_is_released(stocked):
    assert stocked.post(PATH, {"revision": 1, "policies": {}}).status == 404


def test_no_lease_is_needed_when_a_release_is_under_way(released):
    lease = release_lease("iris")
    released.registry.take_lease(lease, "somebody", seconds=900)
    assert edit(released, {"cache": {}}).status == 200
    assert released.registry.leases[lease].owner == "somebody"


def test_what_was_forgotten_stays_so_when_the_cache_is_taken_out_and_put_back(released):
    edit(released, {"cache": {"generation": 2}})
    edit(released, {})
    edit(released, {"deadline_ms": 900})

    reply = edit(released, {"cache": {}})

    assert reply.body["policies"]["cache"]["generation"] == 2
    assert edit(released, {"cache": {"seconds": 9}}).body["policies"]["cache"]["generation"] == 2
    assert edit(released, {"cache": {"generation": 1}}).status == 422


def test_kill_switch_works_when_nothing_else_does(released):
    edit(released, {"routing": {"threshold": None}, "cache": {}})
    released.objects.objects.clear()
    reply = edit(released, {"routing": {"active": False}, "cache": {}})
    assert reply.status == 200
    assert reply.body["policies"]["routing"]["active"] is False
    assert edit(released, {"routing": {"active": True}, "cache": {}}).status == 200


def test_what_was_wrong_before_is_no_obstacle_when_something_else_changes(released):
    before = current(released)
    wrong = msgspec.convert(
        {"routing": {"threshold": {"positive": "rose", "at": 0.1, "otherwise": "setosa"}}}, Policies
    )
    released.registry.put_deployment(msgspec.structs.replace(before, revision=2, policies=wrong))
    kept = msgspec.to_builtins(wrong)
    assert edit(released, {**kept, "cache": {"seconds": 5}}).status == 200
    kept["routing"]["zone"] = "Europe/Atlantis"
    reply = edit(released, kept)
    assert [e["field"] for e in reply.body["errors"]] == ["routing.zone"]


def test_segments_are_worked_out_when_an_experiment_is_set(two):
    reply = edit(two, {"routing": {"experiment": EXPERIMENT}})
    assert reply.status == 200, reply.body
    segments = reply.body["policies"]["routing"]["experiment"]["segments"]
    assert [(s["start"], s["variant"]) for s in segments] == [
        (0.0, "old"),
        (pytest.approx(0.9), "new"),
    ]


def test_policies_as_they_are_read_are_taken_when_they_are_sent_back(two):
    edit(two, {"routing": {"experiment": EXPERIMENT}, "circuit": {"rate": {"per_second": 2}}})
    read = two.get(PATH).body["current"]["policies"]
    assert edit(two, read).body["revision"] == 3


def test_refused_when_the_version_takes_other_inputs(released):
    inputs = [*SIGNATURE.inputs, msgspec.structs.replace(SIGNATURE.inputs[0], name="colour")]
    other = msgspec.structs.replace(SIGNATURE, inputs=inputs)
    released.register(SECOND, created="2026-03-02T00:00:00+00:00", signature=other)
    released.release(version=SECOND, **{"as": "candidate"})
    reply = edit(released, {"routing": {"shadow": {"version": SECOND_OUT}}})
    assert reply.status == 422
    assert "other inputs than the champion: colour" in reply.body["errors"][0]["message"]


def test_a_candidate_is_told_when_it_is_asked_for(two):
    assert two.get(f"/models/iris/versions/{SECOND_OUT}").body["served"] == "candidate"
    assert two.get("/models").body["models"][0]["candidates"] == [SECOND_OUT]
    two.other_code[None] = "newer"
    assert [b["version"] for b in two.get(PATH).body["behind"]] == [FIRST, SECOND_OUT]


def test_the_same_is_asked_for_when_kind_says_it(released):
    released.register(SECOND, created="2026-03-02T00:00:00+00:00")
    released.release(version=SECOND, kind="candidate")
    assert [c.ref.version for c in current(released).candidates] == [SECOND_OUT]


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "candidate", "as": "champion"},
        {"kind": "roll", "as": "candidate"},
        {"kind": "roll", "as": "champion"},
        {"as": "king"},
    ],
)
def test_unprocessable_when_kind_and_place_contradict(released, body):
    reply = released.post("/models/iris/releases", body)
    assert reply.status == 422
    assert reply.body["errors"][0]["field"] == "as"


def retire(office, version=SECOND_OUT):
    return office.send("DELETE", f"/models/iris/candidates/{version}")


def test_nobody_is_served_as_candidate_when_it_is_retired(two):
    reply = retire(two)
    assert reply.status == 200
    assert reply.body["candidates"] == []
    assert reply.body["reason"].startswith("retire-")
    assert two.registry.leases == {}


def test_conflict_when_a_policy_names_what_is_retired(two):
    edit(two, {"routing": {"shadow": {"version": SECOND_OUT}}})
    reply = retire(two)
    assert reply.status == 409
    assert "routing.shadow.version" in reply.body["detail"]
    assert len(current(two).candidates) == 1
    assert two.registry.leases == {}


@pytest.mark.parametrize("version", [FIRST, "9.9.9", "%00"])
def test_not_found_when_there_is_no_such_candidate(two, version):
    assert retire(two, version).status == 404


def test_conflict_when_a_release_is_under_way_and_a_candidate_is_retired(two):
    two.registry.take_lease(release_lease("iris"), "somebody", seconds=900)
    assert retire(two).status == 409
    assert two.registry.leases[release_lease("iris")].owner == "somebody"


def test_policies_changed_meanwhile_stay_when_it_is_rolled_back(released):
    released.register(SECOND, created="2026-03-02T00:00:00+00:00")
    released.release(version=SECOND)
    well = released.servers.answer

    def meddle(event):
        edit(released, {"cache": {}})
        return well(event)

    released.servers.answer = meddle
    assert released.post("/models/iris/rollback").status == 200
    assert current(released).policies.cache is not None


def test_schema_takes_what_the_record_has_when_it_is_written(two):
    edit(two, {"routing": {"experiment": EXPERIMENT}, "cache": {}, "circuit": {}})
    schema = policies_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(msgspec.to_builtins(current(two).policies), schema)


def test_schema_file_is_current_when_policies_change():
    committed = json.loads((ROOT / "infra/policies.schema.json").read_text())
    assert committed == policies_json_schema(), (
        "write infra/policies.schema.json anew: json.dumps(policies_json_schema(), indent=2)"
    )


@pytest.mark.parametrize(
    "example", sorted((ROOT / "infra/examples/policies").glob("*.yaml")), ids=lambda p: p.stem
)
def test_example_is_taken_when_it_is_put_on_a_model(released, example):
    assert edit(released, plain_yaml.load(example.read_text())).status == 200
