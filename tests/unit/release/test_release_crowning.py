from __future__ import annotations

from io import BytesIO
from zipfile import ZipFile

from fakes.records import VERSION
from servery.domain.manifest import Runtime
from servery.domain.release_records import ReleaseKind, ReleaseState
from servery.domain.serving import Limits, Mode

PRODUCTION = "1.1.0-dabc1234.sdef5678"
SECOND = "0.1.1-dabc1234.sdef5678"


def steps(record):
    return [step.name for step in record.steps]


def test_the_newest_training_is_champion_when_it_is_released_first(room):
    room.register(training="tr1")

    record = room.release()

    assert record.state is ReleaseState.SUCCEEDED
    assert (record.version, record.training, record.mode) == (VERSION, "tr1", "load")
    assert record.released_as == PRODUCTION
    assert steps(record) == [
        "begin",
        "gate",
        "resolve",
        "publish",
        "ready",
        "promote",
        "put_up",
        "crown",
        "clean",
        "done",
    ]
    deployment = room.registry.deployment("iris")
    assert deployment.revision == 1
    assert deployment.champion.ref.version == PRODUCTION
    assert deployment.champion.ref.prefix == f"models/iris/{VERSION}/tr1"
    assert deployment.last_good is None
    assert room.publisher.settled == ["predictor:1"]


def test_settings_of_the_version_are_taken_when_it_is_released(room):
    room.release()
    deployment = room.registry.deployment("iris")
    assert deployment.deadline_ms == 2500
    assert deployment.limits == Limits(max_rows=7)
    assert deployment.log_sample == 0.5
    assert deployment.champion.unlogged == ["input"]
    assert deployment.changed == room.clock.now().isoformat()


def test_production_version_is_registered_when_a_development_version_is_released(room):
    room.release()
    record = room.registry.version("iris", PRODUCTION)
    assert (record.stage, record.promoted_from, record.training) == ("production", VERSION, "tr0")
    assert record.identity == room.registry.version("iris", VERSION).identity


def test_the_server_answers_as_the_production_version_when_it_is_asked(room):
    room.release()
    (asked,) = room.servers.asked
    assert asked.event["verb"] == "ready"
    assert asked.event["ref"]["version"] == PRODUCTION


def test_the_old_champion_is_last_good_when_another_is_released(room):
    room.release()
    room.register(SECOND, created="2026-03-02T00:00:00+00:00")
    record = room.release()
    deployment = room.registry.deployment("iris")
    assert record.released_as == "2.1.1-dabc1234.sdef5678"
    assert deployment.champion.ref.version == record.released_as
    assert deployment.last_good.ref.version == PRODUCTION
    assert deployment.revision == 2


def test_the_loading_server_is_taken_when_it_runs_the_deployed_code(room):
    room.release()
    room.register(SECOND, created="2026-03-02T00:00:00+00:00")
    room.release()
    assert list(room.publisher.published) == ["predictor:1"]
    assert [a.server.function for a in room.servers.asked] == ["predictor:1", "predictor:1"]
    assert room.registry.deployment("iris").retired == []


def test_a_server_of_its_own_is_published_when_the_runtime_is_another(room):
    room.release()
    room.register(SECOND, runtime=Runtime.JOBLIB, created="2026-03-02T00:00:00+00:00")
    room.release()
    deployment = room.registry.deployment("iris")
    assert deployment.champion.server.function == "predictor:2"
    assert deployment.last_good.server.function == "predictor:1"


def test_the_package_holds_model_manifest_and_baseline_when_the_mode_is_image(room):
    record = room.release(mode=Mode.IMAGE)
    key = f"images/iris/{record.id}.zip"
    with ZipFile(BytesIO(room.objects.objects[key])) as archive:
        assert sorted(archive.namelist()) == [
            "python/servery_model/baseline.json",
            "python/servery_model/manifest.json",
            "python/servery_model/model.onnx",
        ]
        assert archive.read("python/servery_model/model.onnx") == b"model of %s tr0" % (
            VERSION.encode()
        )
        assert archive.testzip() is None
    assert "package" in steps(record)
    published = room.publisher.published["predictor:1"]
    assert published.image == key
    assert published.ref.version == PRODUCTION
    assert room.registry.deployment("iris").champion.server.mode is Mode.IMAGE


def test_nothing_changes_when_it_is_champion_already(room):
    first = room.release()
    again = room.release()
    assert again.state is ReleaseState.SUCCEEDED
    assert steps(again) == ["begin", "gate", "resolve", "unchanged", "clean", "done"]
    assert "champion already" in again.steps[3].detail
    assert again.released_as == first.released_as
    assert room.registry.deployment("iris").revision == 1
    assert len(room.servers.asked) == 1


def test_the_way_back_stays_when_only_the_mode_of_the_champion_changes(room):
    room.release()
    room.register(SECOND, created="2026-03-02T00:00:00+00:00")
    room.release()
    room.release(mode=Mode.IMAGE)
    deployment = room.registry.deployment("iris")
    assert deployment.champion.server.mode is Mode.IMAGE
    assert deployment.champion.ref.version == "2.1.1-dabc1234.sdef5678"
    assert deployment.last_good.ref.version == PRODUCTION


def test_an_old_production_version_keeps_its_name_when_it_is_released_again(room):
    room.release()
    room.register(SECOND, created="2026-03-02T00:00:00+00:00")
    room.release()
    record = room.release(version=PRODUCTION)
    assert record.released_as == PRODUCTION
    assert room.registry.deployment("iris").champion.ref.version == PRODUCTION
    assert len(room.registry.versions("iris")) == 4


def test_the_same_training_keeps_its_name_when_it_is_released_again(room):
    room.release()
    room.register(SECOND, created="2026-03-02T00:00:00+00:00")
    room.release()
    record = room.release(version=VERSION)
    assert record.released_as == PRODUCTION


def test_servers_are_deleted_when_nobody_was_sent_to_them_for_the_grace(room):
    for number in range(4):
        room.register(f"0.1.{number + 1}-dabc1234.sdef5678", created=f"2026-03-0{number + 2}")
        room.release(mode=Mode.IMAGE)
        if number < 3:
            room.clock.advance(10)
    assert sorted(room.publisher.published) == [f"predictor:{n}" for n in (1, 2, 3, 4)]
    assert [r.server.function for r in room.registry.deployment("iris").retired] == [
        "predictor:1",
        "predictor:2",
    ]

    room.clock.advance(300)
    room.register("0.1.9-dabc1234.sdef5678", created="2026-03-09")
    record = room.release(mode=Mode.IMAGE)

    assert sorted(room.publisher.published) == ["predictor:3", "predictor:4", "predictor:5"]
    clean = next(step for step in record.steps if step.name == "clean")
    assert "predictor:1" in clean.detail


def test_roll_moves_both_servers_when_the_code_is_new(room):
    room.release(mode=Mode.IMAGE)
    room.register(SECOND, created="2026-03-02T00:00:00+00:00")
    room.release(mode=Mode.IMAGE)
    before = room.registry.deployment("iris")
    room.publisher.deployed = "code-2"

    record = room.release(kind=ReleaseKind.ROLL)

    after = room.registry.deployment("iris")
    assert record.state is ReleaseState.SUCCEEDED
    assert record.released_as == before.champion.ref.version
    assert (after.champion.ref, after.last_good.ref) == (before.champion.ref, before.last_good.ref)
    assert after.champion.server.code == after.last_good.server.code == "code-2-onnx"
    assert after.champion.server.function != after.last_good.server.function
    assert {r.server.function for r in after.retired} == {"predictor:1", "predictor:2"}
    assert room.publisher.published[after.last_good.server.function].image.endswith(
        "-last-good.zip"
    )


def test_one_loading_server_is_enough_when_both_are_rolled(room):
    room.release()
    room.register(SECOND, created="2026-03-02T00:00:00+00:00")
    room.release()
    room.publisher.deployed = "code-2"
    room.release(kind=ReleaseKind.ROLL)
    after = room.registry.deployment("iris")
    assert after.champion.server == after.last_good.server
    assert after.champion.server.function == "predictor:2"
    asked = [a.event["ref"]["version"] for a in room.servers.asked[-2:]]
    assert asked == [after.champion.ref.version, after.last_good.ref.version]


def test_nothing_changes_when_every_server_runs_the_deployed_code(room):
    room.release()
    record = room.release(kind=ReleaseKind.ROLL)
    assert steps(record) == ["begin", "unchanged", "done"]
    assert room.registry.deployment("iris").revision == 1


def test_last_good_stays_on_its_server_when_it_is_not_ready_on_new_code(room):
    room.release(mode=Mode.IMAGE)
    room.register(SECOND, created="2026-03-02T00:00:00+00:00")
    room.release(mode=Mode.IMAGE)
    room.publisher.deployed = "code-2"
    answer = room.servers.answer
    room.servers.answer = lambda event: (
        {"status": 503, "ready": False, "reason": "scikit-learn 2 cannot read it"}
        if event["ref"]["version"] == PRODUCTION
        else answer(event)
    )

    record = room.release(kind=ReleaseKind.ROLL)
    again = room.release(kind=ReleaseKind.ROLL)

    after = room.registry.deployment("iris")
    assert record.state is ReleaseState.SUCCEEDED
    assert after.champion.server.code == "code-2-onnx"
    assert after.last_good.server.function == "predictor:1"
    keep = next(step for step in record.steps if step.name == "keep")
    assert "scikit-learn 2" in keep.detail
    assert sorted(room.publisher.published) == ["predictor:1", "predictor:2", "predictor:3"]
    assert again.state is ReleaseState.SUCCEEDED
    assert room.registry.deployment("iris").revision == after.revision == 3
