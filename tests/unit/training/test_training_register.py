"""Register: versions, artifacts and records, once for each training."""

from __future__ import annotations

import json

import msgspec
import pytest
from fakes.object_store import MemoryObjectStore
from fakes.registry import MemoryRegistry
from fakes.training import Training, as_csv, flower_spec, flowers
from servery.domain.baseline import Baseline
from servery.domain.digest import digest_bytes
from servery.domain.manifest import Manifest, Runtime
from servery.domain.versioning import Version
from servery.errors import ArtifactError, UnavailableError
from servery.usecases.training.products import Code


class House:
    """Several trainings that share a store and a registry."""

    def __init__(self):
        self.store, self.registry = MemoryObjectStore(), MemoryRegistry()
        self.count = 0

    def train(self, spec=None, rows=None, until="register", **more):
        self.count += 1
        training = Training(
            spec or flower_spec(),
            as_csv(rows or flowers(60)),
            training_id=f"flower-{self.count}",
            store=self.store,
            registry=self.registry,
            **more,
        )
        return training.run(until)

    def version(self, *args, **more):
        done = self.train(*args, **more).state["register"]
        return Version.parse(done["version"]), done["training"]


@pytest.fixture
def house():
    return House()


def test_first_version_is_named_by_data_and_split_when_a_model_is_new(house):
    training = house.train()

    done = training.state["register"]
    data, split = training.state["collect"]["dataset"], training.state["preprocess"]["split"]
    assert done == {"version": f"0.1.0-d{data[:7]}.s{split[:7]}", "training": "tr0"}


def test_it_is_another_training_of_the_version_when_nothing_changed(house):
    first, second = house.version(), house.version()

    assert first[0] == second[0]
    assert (first[1], second[1]) == ("tr0", "tr1")
    assert len(house.registry.versions("flower")) == 1
    assert len(house.registry.trainings("flower", str(first[0]))) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"estimator": {"class": "sklearn.naive_bayes.GaussianNB"}},
        {"estimator": {"class": "sklearn.tree.DecisionTreeClassifier", "params": {"max_depth": 2}}},
    ],
)
def test_z_is_raised_when_the_logic_changes(house, changes):
    house.version()

    version, training = house.version(flower_spec(**changes))

    assert (version.interface, version.logic, training) == (1, 1, "tr0")


def test_z_is_raised_when_the_training_code_changes(house):
    house.version()

    version, _ = house.version(code=Code(library="l" * 64, training="other"))

    assert (version.interface, version.logic) == (1, 1)


def test_z_stays_when_only_other_code_of_the_library_changes(house):
    first = house.version()[0]

    second = house.version(code=Code(library="other", training="t" * 64))[0]

    assert first == second


@pytest.mark.parametrize(
    ("library", "version", "raised"),
    [("scikit-learn", "9.9.9", 1), ("python", "9.9.9", 1), ("python", "patch", 0)],
)
def test_z_is_raised_when_a_library_changes_but_not_pythons_patch(house, library, version, raised):
    house.version()
    training = house.train(until="evaluate")
    key = f"trainings/{training.state['training_id']}/export.json"
    report = json.loads(house.store.get(key))
    if version == "patch":
        version = ".".join([*report["libraries"]["python"].split(".")[:2], "99"])
    report["libraries"][library] = version
    house.store.put(key, json.dumps(report).encode())

    training.step("register")

    assert Version.parse(training.state["register"]["version"]).logic == raised


def test_y_is_raised_and_z_goes_back_when_the_signature_changes(house):
    house.version()
    house.version(flower_spec(estimator={"class": "sklearn.naive_bayes.GaussianNB"}))
    spec = flower_spec()
    spec["data"]["columns"][0]["range"] = [0, 20]

    version, _ = house.version(spec)

    assert (version.interface, version.logic) == (2, 0)


def test_numbers_stay_when_only_the_data_changes(house):
    first, _ = house.version()

    second, training = house.version(rows=flowers(60, seed=1))

    assert (second.interface, second.logic, training) == (1, 0, "tr0")
    assert second.data != first.data


def test_split_alone_changes_when_only_the_seed_does(house):
    first, _ = house.version()

    second, _ = house.version(flower_spec(split={"seed": 5}))

    assert (second.interface, second.logic, second.data) == (1, 0, first.data)
    assert second.split != first.split


def test_an_old_version_gets_another_training_when_everything_is_as_it_was(house):
    first, _ = house.version()
    house.version(flower_spec(estimator={"class": "sklearn.naive_bayes.GaussianNB"}))

    assert house.version() == (first, "tr1")


def test_version_is_unique_when_short_digests_collide(house):
    training = house.train()
    taken = house.registry.versions("flower")[0]
    other = msgspec.structs.replace(taken.identity, split=taken.identity.split[:7] + "f" * 57)
    registry = MemoryRegistry()
    registry.add_version(msgspec.structs.replace(taken, identity=other))
    training.registry = registry
    del training.state["register"]

    training.step("register")

    assert Version.parse(training.state["register"]["version"]).logic == 1


def test_artifact_is_whole_when_registered(house):
    training = house.train()

    done = training.state["register"]
    prefix = f"models/flower/{done['version']}/tr0"
    assert set(house.store.keys(prefix)) == {
        f"{prefix}/{name}" for name in ("model.onnx", "baseline.json", "manifest.json")
    }
    assert [k for k in house.store.writes if k.startswith(prefix)][-1].endswith("manifest.json")
    (registered,) = house.registry.trainings("flower", done["version"])
    assert registered.training_id == "flower-1"
    ref = registered.ref
    assert (ref.model, ref.version, ref.training, ref.prefix) == (
        "flower",
        done["version"],
        "tr0",
        prefix,
    )
    assert ref.runtime is Runtime.ONNX
    assert digest_bytes(house.store.get(f"{prefix}/model.onnx")) == ref.digest
    assert digest_bytes(house.store.get(f"{prefix}/manifest.json")) == ref.manifest_digest


def test_manifest_says_everything_when_registered(house):
    training = house.train()

    found: Manifest = training.manifest()
    state = training.state
    assert (found.model, found.owner, found.training) == ("flower", "tests", "tr0")
    assert found.version == state["register"]["version"]
    assert [f.name for f in found.signature.inputs] == ["length", "width", "colour"]
    assert found.libraries.keys() >= {"python", "scikit-learn", "numpy", "onnxruntime"}
    assert found.metrics == state["evaluate"]["metrics"]
    assert found.runtime_reason == state["export"]["runtime_reason"]
    assert found.figures.keys() == {"onnx", "joblib"}
    assert found.parity.exported
    assert found.sample.records
    assert found.limits.max_rows == 10_000
    lineage = found.lineage
    assert lineage.training_id == "flower-1"
    assert lineage.source_uri == state["spec"]["data"]["uri"]
    assert lineage.source_digest == state["collect"]["source_digest"]
    assert lineage.dataset == state["collect"]["dataset"]
    assert lineage.split == state["preprocess"]["split"]
    assert lineage.code == "l" * 64
    assert lineage.spec == state["spec"]
    prefix = f"models/flower/{found.version}/tr0"
    for name, digest in found.files.items():
        assert digest_bytes(house.store.get(f"{prefix}/{name}")) == digest
    assert found.files.keys() == {"model.onnx", "baseline.json"}


def test_baseline_holds_the_predictions_too_when_registered(house):
    version = house.train().state["register"]["version"]

    content = house.store.get(f"models/flower/{version}/tr0/baseline.json")
    baseline = msgspec.json.decode(content, type=Baseline)
    assert baseline.numeric["length"].counts
    assert baseline.predictions.frequencies


def test_joblib_file_is_registered_when_joblib_serves(house):
    lda = {"class": "sklearn.dummy.DummyClassifier"}
    done = house.train(flower_spec(estimator=lda)).state["register"]

    (registered,) = house.registry.trainings("flower", done["version"])
    assert registered.ref.runtime is Runtime.JOBLIB
    assert house.store.exists(f"{registered.ref.prefix}/model.joblib")


def test_records_are_there_when_registered(house):
    training = house.train(flower_spec(description="What kind of flower"))

    model = house.registry.model("flower")
    assert (model.owner, model.task, model.description) == (
        "tests",
        "classification",
        "What kind of flower",
    )
    assert model.spec == training.state["spec"]
    version = house.registry.version("flower", training.state["register"]["version"])
    assert version.stage == "development"
    assert version.identity.data == training.state["collect"]["dataset"]
    assert version.metrics == training.state["evaluate"]["metrics"]


def test_no_second_training_is_made_when_the_step_runs_again(house):
    training = house.train()
    before = _without_status(house)

    again = training.step("register")

    assert again.training == "tr0"
    assert len(house.registry.trainings("flower", again.version)) == 1
    assert _without_status(house) == before


def _without_status(house):
    """All objects but what tells of attempts."""
    return {k: v for k, v in house.store.objects.items() if "/steps/" not in k}


@pytest.mark.parametrize("crash", range(6))
def test_the_training_is_finished_once_when_the_step_crashed_in_the_middle(house, crash):
    house.train()
    training = house.train(until="evaluate", code=Code(library="l", training="new"))
    calls = iter(range(100))

    def breaking(method):
        def call(*args):
            if next(calls) == crash:
                raise ConnectionError("the function was killed")
            return method(*args)

        return call

    places = [(house.store, "copy"), (house.store, "put")]
    places += [(house.registry, n) for n in ("add_version", "add_training", "put_model")]
    for place, name in places:
        setattr(place, name, breaking(getattr(place, name)))

    with pytest.raises(ConnectionError):
        training.step("register")
    again = training.step("register")

    versions = [v.version for v in house.registry.versions("flower")]
    assert len(versions) == 2
    assert again.version == versions[1]
    assert again.version.startswith("0.1.1-")
    (registered,) = house.registry.trainings("flower", again.version)
    assert registered.training_id == "flower-2"
    content = house.store.get(f"{registered.ref.prefix}/manifest.json")
    assert digest_bytes(content) == registered.ref.manifest_digest
    assert house.registry.model("flower").spec == training.state["spec"]
    assert not house.registry.leases


def test_step_is_to_be_tried_again_when_another_training_is_registered_now(house):
    training = house.train(until="evaluate")
    house.registry.take_lease("register:flower", "another", seconds=60)

    with pytest.raises(UnavailableError, match="another training of flower"):
        training.step("register")

    assert not house.registry.versions("flower")
    house.registry.end_lease("register:flower", "another")
    assert training.step("register").training == "tr0"


def test_lease_is_given_back_when_registering_fails(house):
    training = house.train(until="evaluate")
    house.store.delete("trainings/flower-1/model.onnx")

    with pytest.raises(ArtifactError):
        training.step("register")

    assert not house.registry.leases


def test_nothing_is_registered_when_the_baseline_is_not_the_recorded_one(house):
    training = house.train(until="evaluate")
    (key,) = (k for k in house.store.objects if "baseline-" in k)
    house.store.put(key, house.store.get(key).replace(b"blue", b"grey"))

    with pytest.raises(ArtifactError, match="baseline"):
        training.step("register")
