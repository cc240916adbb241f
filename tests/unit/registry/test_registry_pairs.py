"""Pairs over HTTP: refused in the wrong order, shown, released by the command in the right one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from devkit import releases, views
from devkit.api import ApiError
from fakes.crashes import Crash, crash_at
from fakes.pairs import PREDICTOR, PREPROCESSOR, production_of, register_pair, version_of
from servery.domain.manifest import Part

RELEASES = "/models/{}/releases"


class OfficeApi:
    """The API as the command line sees it; what is started is carried out at once."""

    def __init__(self, office):
        self._office = office

    def send(self, method, path, body=None):
        self._office.clock.advance(1)
        reply = self._office.send(method, path, body)
        if reply.status >= 400:
            raise ApiError(reply.status, reply.body)
        self._office.carry_out()
        return SimpleNamespace(headers=reply.headers), reply.body

    def get(self, path):
        return self.send("GET", path)[1]

    def post(self, path, body):
        return self.send("POST", path, body)[1]


@pytest.fixture
def pairs(office):
    for number in (1, 2, 3):
        register_pair(office.registry, office.objects, number)
    return office


@pytest.fixture
def api(pairs):
    return OfficeApi(pairs)


def champions(office):
    deployments = [office.registry.deployment(m) for m in (PREPROCESSOR, PREDICTOR)]
    return [d.champion.ref.version for d in deployments]


def test_conflict_that_says_what_comes_first_when_a_predictor_is_released_alone(pairs):
    reply = pairs.post(RELEASES.format(PREDICTOR), {"version": version_of(2)})
    assert reply.status == 409
    assert reply.body["type"] == "urn:servery:problem:release-order"
    assert f"release {PREPROCESSOR} {version_of(2)} tr0 first" in reply.body["detail"]
    assert reply.body["first"] == {
        "kind": "release",
        "model": PREPROCESSOR,
        "version": version_of(2),
        "training": "tr0",
    }
    assert pairs.queue.started == []
    assert pairs.registry.leases == {}


def test_conflict_when_a_production_version_is_released_whose_half_is_gone(pairs, api):
    for number in (1, 2, 3):
        releases.release(api, PREDICTOR, version=version_of(number))
    reply = pairs.post(RELEASES.format(PREDICTOR), {"version": production_of(1)})
    assert reply.status == 409
    assert reply.body["first"]["version"] == version_of(1)


def test_accepted_all_the_same_when_the_manifest_cannot_be_read(pairs):
    pairs.objects.objects[f"models/{PREDICTOR}/{version_of(1)}/tr0/manifest.json"] += b" "
    reply = pairs.post(RELEASES.format(PREDICTOR), {"version": version_of(1)})
    assert reply.status == 202


def test_conflict_when_a_predictor_is_rolled_back_to_features_that_nobody_makes(pairs, api):
    for number in (1, 2):
        releases.release(api, PREDICTOR, version=version_of(number))
    releases.release(api, PREPROCESSOR, version=version_of(3))
    reply = pairs.post(f"/models/{PREDICTOR}/rollback", {})
    assert reply.status == 409
    assert reply.body["first"]["version"] == version_of(1)
    assert pairs.registry.leases == {}


def test_conflict_when_the_other_half_is_being_written_at_that_moment(pairs, api):
    for number in (1, 2):
        releases.release(api, PREDICTOR, version=version_of(number))
    pairs.registry.take_lease(f"pair/{PREPROCESSOR}", "another", seconds=30)
    reply = pairs.post(f"/models/{PREDICTOR}/rollback", {})
    assert reply.status == 409
    assert f"a change of {PREPROCESSOR} is under way" in reply.body["detail"]
    assert list(pairs.registry.leases) == [f"pair/{PREPROCESSOR}"]


class TestShown:
    def test_other_half_is_named_when_it_answers(self, pairs, api):
        releases.release(api, PREDICTOR, version=version_of(1))
        detail = pairs.get(f"/models/{PREDICTOR}").body
        pair = pairs.registry.deployment(PREDICTOR).champion.ref.pair
        assert detail["pair"] == {
            "id": pair,
            "part": "predictor",
            "partner": PREPROCESSOR,
            "partner_version": production_of(1),
        }
        assert (detail["model"]["part"], detail["model"]["partner"]) == ("predictor", PREPROCESSOR)
        assert views.pair(detail["pair"]) == (
            f"{pair[:8]}, with the preprocessor {PREPROCESSOR} {production_of(1)}"
        )

    def test_nobody_is_named_when_only_one_half_is_released(self, pairs, api):
        releases.release(api, PREPROCESSOR, version=version_of(1))
        detail = pairs.get(f"/models/{PREPROCESSOR}").body
        assert (detail["pair"]["part"], detail["pair"]["partner_version"]) == ("preprocessor", "")
        assert f"predictor {PREDICTOR} of which nobody" in views.pair(detail["pair"])

    def test_nothing_is_said_of_pairs_when_a_model_is_whole(self, stocked):
        stocked.release()
        detail = stocked.get("/models/iris").body
        assert (detail["pair"], detail["model"]["part"]) == (None, "")

    def test_pair_of_the_artifact_is_told_when_a_version_is_looked_at(self, pairs):
        told = pairs.get(f"/models/{PREDICTOR}/versions/{version_of(1)}").body["manifest"]["pair"]
        assert (told["part"], told["partner"]) == ("predictor", PREPROCESSOR)

    def test_only_the_preprocessor_is_behind_when_its_code_alone_is_new(self, pairs, api):
        releases.release(api, PREDICTOR, version=version_of(1))
        pairs.other_code = {Part.PREPROCESSOR: "new"}
        listed = pairs.get("/models").body["models"]
        assert {m["name"]: m["behind"] for m in listed} == {PREDICTOR: False, PREPROCESSOR: True}


class TestCommand:
    def test_preprocessor_comes_first_when_a_predictor_is_released(self, pairs, api):
        told = []
        record = releases.release(api, PREDICTOR, step=told.append)
        assert (record["model"], record["state"]) == (PREDICTOR, "succeeded")
        assert champions(pairs) == [production_of(3, 1)] * 2
        half = [step["detail"] for step in told if step["name"] == "half"]
        assert half == [f"{PREPROCESSOR} {version_of(3)} tr0 first"]
        assert [step["name"] for step in told].count("crown") == 2

    def test_mode_is_that_of_both_when_it_is_said(self, pairs, api):
        releases.release(api, PREDICTOR, mode="image")
        modes = {
            pairs.registry.deployment(m).champion.server.mode for m in (PREPROCESSOR, PREDICTOR)
        }
        assert modes == {"image"}

    def test_pair_after_pair_answers_when_they_are_released_in_turn(self, pairs, api):
        for number in (1, 2, 3):
            releases.release(api, PREDICTOR, version=version_of(number))
            assert champions(pairs) == [production_of(number)] * 2

    def test_earlier_pair_answers_again_when_it_is_released_again(self, pairs, api):
        for number in (1, 2, 3, 1):
            releases.release(api, PREDICTOR, version=version_of(number))
        assert champions(pairs) == [production_of(1)] * 2

    def test_run_again_finishes_when_the_command_stopped_between_the_halves(
        self, pairs, api, monkeypatch
    ):
        releases.release(api, PREDICTOR, version=version_of(1))
        real, asked = api.send, []

        def send(method, path, body=None):
            asked.append((method, path))
            if asked.count(("POST", RELEASES.format(PREDICTOR))) == 2:
                raise Crash
            return real(method, path, body)

        monkeypatch.setattr(api, "send", send)
        with pytest.raises(Crash):
            releases.release(api, PREDICTOR, version=version_of(2))
        assert champions(pairs) == [production_of(2), production_of(1)]
        pair = pairs.registry.deployment(PREDICTOR).champion.ref.pair
        assert pairs.registry.deployment(PREPROCESSOR).paired(pair)
        monkeypatch.undo()

        releases.release(api, PREDICTOR, version=version_of(2))
        assert champions(pairs) == [production_of(2)] * 2

    def test_next_pair_is_released_when_the_one_before_was_left_half_done(self, pairs, api):
        releases.release(api, PREDICTOR, version=version_of(1))
        releases.release(api, PREPROCESSOR, version=version_of(2))
        told = []
        releases.release(api, PREDICTOR, version=version_of(3), step=told.append)
        assert champions(pairs) == [production_of(3), production_of(3, 2)]
        assert "roll back" in [step["name"] for step in told]

    def test_next_pair_is_released_when_the_predictor_alone_was_rolled_back(self, pairs, api):
        for number in (1, 2):
            releases.release(api, PREDICTOR, version=version_of(number))
        api.post(f"/models/{PREDICTOR}/rollback", {})
        releases.release(api, PREDICTOR, version=version_of(3))
        assert champions(pairs) == [production_of(3)] * 2

    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    def test_run_again_finishes_when_the_preprocessor_was_killed(
        self, pairs, api, monkeypatch, after
    ):
        crash_at(monkeypatch, pairs.registry, "put_deployment", after=after)
        with pytest.raises(Crash):
            releases.release(api, PREDICTOR, version=version_of(1))
        record = pairs.registry.releases(PREPROCESSOR)[0]
        pairs.queue.started.append(record)
        pairs.carry_out()
        releases.release(api, PREDICTOR, version=version_of(1))
        assert champions(pairs) == [production_of(1)] * 2

    def test_it_is_not_waited_for_when_the_other_half_is_not_registered(self, pairs, api):
        del pairs.registry._trainings[PREPROCESSOR, version_of(1), "tr0"]
        with pytest.raises(ApiError, match="train both again"):
            releases.when_free(
                lambda: releases.release(api, PREDICTOR, version=version_of(1)), pause=60
            )
