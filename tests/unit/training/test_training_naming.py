"""Names of what a training made: reasons, experiments, and names that are taken."""

from __future__ import annotations

import msgspec
import pytest
from fakes.object_store import MemoryObjectStore
from fakes.registry import MemoryRegistry
from fakes.training import Training, as_csv, flower_spec, flowers
from servery.domain.manifest import Manifest
from servery.domain.versioning import Version
from servery.errors import InvalidVersionError
from servery.usecases.training import messages
from servery.usecases.training.products import Code


class House:
    """Trainings that share a store and a registry."""

    def __init__(self) -> None:
        self.store = MemoryObjectStore()
        self.registry = MemoryRegistry()
        self.count = 0

    def train(self, spec=None, until="register", rows=None, **event) -> Training:
        self.count += 1
        training = Training(
            spec or flower_spec(),
            as_csv(rows or flowers()),
            training_id=f"flower-{self.count}",
            store=self.store,
            registry=self.registry,
            code=event.pop("code", None),
        )
        training.state |= event
        return training.run(until)

    def name(self, training) -> tuple[str, str]:
        done = training.state["register"]
        return done["version"], done["training"]

    def record(self, training):
        return self.registry.version("flower", self.name(training)[0])


@pytest.fixture
def house():
    return House()


class TestReasons:
    def test_first_version_has_none_when_a_model_is_new(self, house):
        record = house.record(house.train())
        assert (record.follows, record.changes) == ("", [])

    def test_parameters_are_the_reason_when_only_they_are_others(self, house):
        first = house.record(house.train())
        spec = flower_spec()
        spec["estimator"] = {**spec["estimator"], "params": {"max_depth": 2}}

        record = house.record(house.train(spec))

        assert record.follows == first.version
        assert [(c.said, c.bumps) for c in record.changes] == [("max_depth is 2, was 3", "Z")]

    def test_signature_is_the_reason_when_a_range_is_narrowed(self, house):
        house.train()
        spec = flower_spec()
        spec["data"]["columns"][0] = {**spec["data"]["columns"][0], "range": [0, 20]}

        record = house.record(house.train(spec))

        assert [(c.said, c.bumps) for c in record.changes] == [
            ("input length may be 0 to 20, was 0 to 10", "Y")
        ]

    def test_code_is_the_reason_when_it_was_deployed_anew(self, house):
        house.train()

        record = house.record(house.train(code=Code(library="l" * 64, training="n" * 64)))

        assert [c.said for c in record.changes] == [
            "the training code is nnnnnnnnnnnn, was tttttttttttt"
        ]

    def test_rows_and_split_are_the_reason_when_the_data_is_new(self, house):
        first = house.record(house.train())

        record = house.record(house.train(rows=flowers(60, seed=1)))

        assert [c.bumps for c in record.changes] == ["data", "split"]
        assert record.changes[0].said == (
            f"the rows are {record.identity.data[:12]}, was {first.identity.data[:12]}"
        )

    def test_digests_are_told_when_the_manifest_before_is_gone(self, house):
        before = house.name(house.train())
        house.store.delete(f"models/flower/{before[0]}/tr0/manifest.json")
        spec = flower_spec(estimator={"class": "sklearn.naive_bayes.GaussianNB"})

        record = house.record(house.train(spec))

        assert [(c.said, c.bumps) for c in record.changes] == [
            ("code, libraries, preprocessing or parameters changed", "Z")
        ]


class TestExperiments:
    def test_it_has_its_free_name_and_is_no_version(self, house):
        first = house.name(house.train())
        bayes = flower_spec(estimator={"class": "sklearn.naive_bayes.GaussianNB"})

        trial = house.train(bayes, experiment="with-bayes")

        assert house.name(trial) == ("with-bayes", "tr0")
        assert house.record(trial).stage == "experiment"
        assert trial.manifest().version == "with-bayes"
        assert house.registry.model("flower").spec["estimator"] != bayes["estimator"]
        # The next version is compared with the last one, not with the experiment.
        third = house.record(house.train(bayes))
        assert third.follows == first[0]
        assert third.version.startswith("0.1.1-")

    def test_trainings_are_counted_when_one_name_is_used_again(self, house):
        house.train(experiment="idea")
        bayes = flower_spec(estimator={"class": "sklearn.naive_bayes.GaussianNB"})

        assert house.name(house.train(bayes, experiment="idea")) == ("idea", "tr1")

    def test_model_is_known_when_an_experiment_is_the_first_of_it(self, house):
        house.train(experiment="idea")

        assert house.registry.model("flower").name == "flower"
        assert house.name(house.train())[0].startswith("0.1.0-")

    @pytest.mark.parametrize("name", ["0.1.0-dabc1234.sdef5678", "a b", "1st", "../x"])
    def test_refused_at_once_when_no_experiment_can_be_called_so(self, name):
        event = {"training_id": "flower-1", "spec": flower_spec(), "experiment": name}
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(event, messages.CollectEvent)

    def test_refused_when_it_would_be_taken_for_a_training(self, house):
        with pytest.raises(InvalidVersionError, match="experiment"):
            house.train(experiment="tr0")


class TestStore:
    def test_next_number_is_taken_when_somebody_elses_artifact_is_there(self, house):
        training = house.train(until="evaluate")
        version = house.name(training.run())[0]
        content = house.store.get(f"models/flower/{version}/tr0/manifest.json")
        place = f"models/flower/{version}/tr1/manifest.json"
        house.store.put(place, content)

        assert house.name(house.train()) == (version, "tr2")
        assert house.store.get(place) == content

    def test_z_is_raised_when_the_name_means_something_else_in_the_store(self, house):
        known = house.train()
        version, _ = house.name(known)
        manifest = msgspec.json.decode(
            house.store.get(f"models/flower/{version}/tr0/manifest.json"), type=Manifest
        )
        # The registry was lost, and the store has another model of the very same name.
        other = msgspec.structs.replace(manifest, identity=None)
        key = f"models/flower/{version}/tr0/manifest.json"
        house.store.put(key, msgspec.json.encode(other))
        house.registry = MemoryRegistry()

        again, training = house.name(house.train())

        assert (Version.parse(again).logic, training) == (1, "tr0")
        assert msgspec.json.decode(house.store.get(key), type=Manifest) == other

    def test_version_is_the_same_when_the_store_has_it_and_the_registry_not(self, house):
        version, _ = house.name(house.train())
        house.registry = MemoryRegistry()

        assert house.name(house.train()) == (version, "tr1")

    def test_files_without_a_manifest_are_replaced_when_a_crash_left_them(self, house):
        version, _ = house.name(house.train())
        house.store.put(f"models/flower/{version}/tr1/model.onnx", b"half of it")

        assert house.name(house.train()) == (version, "tr1")
        assert house.store.get(f"models/flower/{version}/tr1/model.onnx") != b"half of it"

    def test_unreadable_manifest_keeps_its_place_when_a_training_comes(self, house):
        version, _ = house.name(house.train())
        house.store.put(f"models/flower/{version}/tr1/manifest.json", b"{")

        assert house.name(house.train()) == (version, "tr2")
