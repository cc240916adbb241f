"""Versions over HTTP: lineage, difference, what can serve them, and the audit of the store."""

from __future__ import annotations

import msgspec
import pytest
from fakes.artifacts import SIGNATURE
from fakes.records import VERSION, a_run
from servery.domain.manifest import Lineage, Runtime
from servery.domain.pipeline_spec import StepName
from servery.domain.records import StepRecord, StepState

SECOND = "0.2.0-d9999999.sdef5678"
OUT = "1.1.0-dabc1234.sdef5678"
SPEC = {
    "name": "iris",
    "data": {"columns": [{"name": "petal_length", "dtype": "float"}]},
    "estimator": {"class": "sklearn.tree.DecisionTreeClassifier", "params": {"max_depth": 3}},
    "split": {"test_fraction": 0.3, "seed": 7},
    "monitor": {"production_metric": "share of species that a botanist confirms"},
}


def lineage(**changes):
    values = {
        "training_id": "iris-tr0",
        "source_uri": "s3://raw/iris.csv",
        "source_digest": "1" * 64,
        "dataset": "3" * 64,
        "split": "4" * 64,
        "code": "5" * 64,
        "spec": SPEC,
    }
    return Lineage(**(values | changes))


@pytest.fixture
def full(office):
    """A version with the record of its run, released."""
    office.register(lineage=lineage())
    steps = {StepName.TRAIN: StepRecord(state=StepState.DONE, started="", seconds=1.5)}
    office.registry.put_run(
        a_run("iris-tr0", rows={"read": 150, "rejected": 2, "train": 104, "test": 44}, steps=steps)
    )
    office.release()
    return office


class TestLineage:
    def test_everything_is_told_from_the_rows_to_who_serves_it(self, full):
        told = full.get(f"/models/iris/versions/{OUT}/lineage").body

        assert (told["model"], told["asked"], told["production"]) == ("iris", OUT, [OUT])
        assert told["data"]["dataset"] == "3" * 64
        assert told["data"]["key"] == f"datasets/{'3' * 64}/data.npz"
        assert (told["data"]["rows_read"], told["data"]["rows_rejected"]) == (150, 2)
        assert told["split"]["split"] == "4" * 64
        assert (told["split"]["train_rows"], told["split"]["test_rows"]) == (104, 44)
        assert (told["split"]["test_fraction"], told["split"]["seed"]) == (0.3, 7)
        training = told["training"]
        assert training["training_id"] == "iris-tr0"
        assert training["estimator"] == "sklearn.tree.DecisionTreeClassifier"
        assert training["parameters"] == {"max_depth": 3}
        assert training["steps"]["train"]["seconds"] == 1.5
        assert training["code"] == "5" * 64
        assert (told["version"]["version"], told["version"]["training"]) == (VERSION, "tr0")
        (release,) = told["releases"]
        assert (release["state"], release["released_as"]) == ("succeeded", OUT)
        (serving,) = told["serving"]
        assert (serving["role"], serving["version"], serving["revision"]) == ("champion", OUT, 1)

    def test_it_is_the_same_when_the_development_version_is_asked_for(self, full):
        out = full.get(f"/models/iris/versions/{OUT}/lineage").body
        development = full.get(f"/models/iris/versions/{VERSION}/lineage").body

        assert development["asked"] == VERSION
        assert {**development, "asked": OUT} == out

    def test_other_training_is_traced_when_it_is_named(self, full):
        full.register(training="tr1", lineage=lineage(dataset="6" * 64))

        newest = full.get(f"/models/iris/versions/{VERSION}/lineage").body
        first = full.get(f"/models/iris/versions/{VERSION}/lineage?training=tr0").body

        assert newest["data"]["dataset"] == "6" * 64
        assert (newest["serving"], newest["releases"], newest["production"]) == ([], [], [])
        assert newest["training"]["outcome"] is None
        assert first["data"]["dataset"] == "3" * 64
        assert first["serving"]

    def test_released_training_is_traced_when_a_later_one_is_there(self, full):
        full.register(training="tr1", lineage=lineage(dataset="6" * 64))

        told = full.get(f"/models/iris/versions/{OUT}/lineage").body

        assert told["data"]["dataset"] == "3" * 64

    @pytest.mark.parametrize(
        "path",
        [
            "/models/iris/versions/0.9.9-d.s/lineage",
            "/models/tulip/versions/0.1.0-d.s/lineage",
            f"/models/iris/versions/{VERSION}/lineage?training=tr9",
            f"/models/iris/versions/{OUT}/lineage?training=tr1",
        ],
    )
    def test_not_found_when_there_is_no_such_thing(self, full, path):
        full.register(training="tr1", lineage=lineage())
        assert full.get(path).status == 404

    def test_refused_when_the_manifest_is_not_the_registered_one(self, full):
        full.objects.put(f"models/iris/{VERSION}/tr0/manifest.json", b"{}")
        assert full.get(f"/models/iris/versions/{OUT}/lineage").status == 500

    def test_defaults_are_told_when_the_spec_says_nothing_of_the_split(self, office):
        office.register(lineage=lineage(spec={"name": "iris", "split": "by hand"}))

        told = office.get(f"/models/iris/versions/{VERSION}/lineage").body

        assert told["split"]["test_fraction"] == 0.25
        assert told["training"]["estimator"] == ""


class TestDiff:
    @pytest.fixture
    def two(self, full):
        other = msgspec.json.decode(msgspec.json.encode(SPEC))
        other["estimator"]["params"] = {"max_depth": 5}
        wider = msgspec.structs.replace(SIGNATURE.inputs[0], unit="mm")
        full.register(
            SECOND,
            lineage=lineage(spec=other, dataset="9" * 64),
            signature=msgspec.structs.replace(SIGNATURE, inputs=[wider]),
            metrics={"accuracy": 0.99, "f1": 0.9},
            libraries={"python": "3.13.1", "scikit-learn": "1.9.2"},
            identity={
                "interface": "8" * 64,
                "logic": "8" * 64,
                "data": "9" * 64,
                "split": "4" * 64,
            },
        )
        return full

    def test_words_and_figures_are_told_when_two_are_compared(self, two):
        told = two.get(f"/models/iris/versions/{OUT}/diff?with={SECOND}").body

        assert (told["before"]["version"], told["after"]["version"]) == (OUT, SECOND)
        assert told["bumps"] == ["Y", "Z", "data"]
        assert [change["said"] for change in told["changes"]] == [
            "input petal_length is in mm, was in cm",
            "max_depth is 5, was 3",
            "scikit-learn is 1.9.2, was not given",
            "the rows are 999999999999, was 333333333333",
        ]
        assert told["metrics"] == [
            {"name": "accuracy", "before": 0.97, "after": 0.99},
            {"name": "f1", "before": None, "after": 0.9},
        ]
        assert {"name": "train", "before": 104, "after": 104} in told["rows"]
        assert {"name": "max_depth", "before": 3, "after": 5} in told["parameters"]
        assert told["same_rows"]

    def test_nothing_changed_when_a_version_is_compared_with_itself(self, two):
        told = two.get(f"/models/iris/versions/{VERSION}/diff?with={OUT}").body
        assert (told["changes"], told["bumps"]) == ([], [])

    def test_refused_when_nothing_is_named_to_compare_with(self, two):
        reply = two.get(f"/models/iris/versions/{OUT}/diff")
        assert reply.status == 422
        assert reply.body["errors"][0]["field"] == "with"

    def test_not_found_when_the_other_version_is_not_there(self, two):
        assert two.get(f"/models/iris/versions/{OUT}/diff?with=0.9.0-d.s").status == 404


class TestFit:
    def test_each_training_is_held_against_what_is_deployed(self, office):
        office.libraries = {"onnxruntime": "1.31.1", "scikit-learn": "1.9.1"}
        office.register(libraries={"onnxruntime": "1.31.0"})
        office.register(SECOND, runtime=Runtime.JOBLIB, libraries={"scikit-learn": "1.8.0"})
        office.release(version=VERSION)

        told = office.get("/models/iris/fit").body

        assert told["here"] == office.libraries
        first, second = told["versions"]
        assert (first["version"], first["role"], first["ok"]) == (VERSION, "champion", True)
        assert (second["version"], second["role"], second["ok"]) == (SECOND, "", False)
        assert second["libraries"] == [
            {
                "library": "scikit-learn",
                "made_with": "1.8.0",
                "here": "1.9.1",
                "fits": "1.8.0",
                "ok": False,
            }
        ]

    def test_reason_is_told_when_an_artifact_cannot_be_read(self, stocked):
        stocked.objects.delete(f"models/iris/{VERSION}/tr0/manifest.json")

        (told,) = stocked.get("/models/iris/fit").body["versions"]

        assert not told["ok"]
        assert "missing" in told["reason"]

    def test_not_found_when_there_is_no_such_model(self, office):
        assert office.get("/models/tulip/fit").status == 404


class TestAudit:
    def test_nothing_is_found_when_all_is_in_its_place(self, stocked):
        told = stocked.get("/models/iris/audit").body
        assert (told["artifacts"], told["findings"]) == (1, [])

    @pytest.mark.parametrize(
        ("change", "wrong", "where"),
        [
            (("put", "tr1/model.onnx", b"half"), "leftover", "tr1"),
            (("put", "tr1/manifest.json", b"{"), "foreign", "tr1"),
            (("copy", "tr0/manifest.json", "tr1/manifest.json"), "foreign", "tr1"),
            (("delete", "tr0/model.onnx"), "missing", "tr0"),
            (("delete", "tr0/manifest.json"), "missing", "tr0"),
            (("put", "tr0/manifest.json", b"{}"), "changed", "tr0"),
        ],
    )
    def test_it_is_found_when_something_is_not(self, stocked, change, wrong, where):
        prefix = f"models/iris/{VERSION}"
        verb, *rest = change
        rest = [f"{prefix}/{part}" if isinstance(part, str) else part for part in rest]
        getattr(stocked.objects, verb)(*rest)

        (found,) = stocked.get("/models/iris/audit").body["findings"]

        assert (found["wrong"], found["prefix"]) == (wrong, f"{prefix}/{where}")


def test_experiment_is_refused_when_it_is_to_be_released(office):
    office.register("with-gauss")
    reply = office.post("/models/iris/releases", {"version": "with-gauss"})
    assert reply.status == 422
    assert "experiment" in reply.body["errors"][0]["message"]


def test_experiment_is_no_newest_version_when_a_release_names_none(office):
    office.register()
    office.register("with-gauss", created="2026-03-09T12:00:00+00:00")
    assert office.post("/models/iris/releases", {}).body["version"] == VERSION
