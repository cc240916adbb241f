"""Steps: what is done, what is found, and what is told of it."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from fakes.registry import MemoryRegistry
from fakes.training import STEPS, Training, as_csv, example, flower_spec, flowers
from servery.domain.steps import Memo
from servery.errors import FaultError, RejectedError
from servery.usecases.training.messages import TrainEvent


class House:
    """Trainings on one store and one registry, one after the other."""

    def __init__(self, spec=None, data=None, until="register", **tools):
        self.spec, self.data = spec or flower_spec(), data or as_csv(flowers(60))
        self.first = Training(self.spec, self.data, training_id="first", **tools).run(until)

    def again(self, spec=None, data=None, **asked):
        training = Training(
            spec or self.spec,
            data or self.data,
            training_id="again",
            store=self.first.store,
            registry=self.first.registry,
            asked={"reuse": True, **asked},
        )
        training.clock = self.first.clock
        return training

    def forget(self, part):
        """Remove the objects with this in their key."""
        for key in [key for key in self.first.store.objects if part in key]:
            del self.first.store.objects[key]


@pytest.fixture
def house():
    return House()


def status(training, step):
    return training.file(f"steps/{step}.json")


def memo(training, step):
    key = f"steps/{step}/{status(training, step)['digest']}.json"
    return msgspec.json.decode(training.store.get(key), type=Memo)


def test_every_step_is_skipped_when_nothing_changed(house):
    again = house.again().run()

    assert again.worked == []
    for step in STEPS:
        assert again.state[step]["skipped"] is True
        assert again.state[step]["from"] == "first"
        assert status(again, step)["state"] == "skipped"
        assert status(again, step)["from"] == "first"
    assert again.state["register"]["training"] == house.first.state["register"]["training"]
    assert len(house.first.registry.trainings("flower", again.state["register"]["version"])) == 1


def test_nothing_is_skipped_when_nobody_asked_for_it(house):
    again = house.again(reuse=False).run()

    assert again.worked == list(STEPS)
    assert again.state["register"]["training"] == "tr1"


def test_the_first_to_make_it_is_named_when_it_is_found_again_and_again(house):
    house.again().run()
    third = house.again()
    third.state["training_id"] = "third"

    third.run()

    assert third.worked == []
    assert third.state["train"]["from"] == third.state["train"]["work"] == "first"


@pytest.mark.parametrize(
    ("changes", "worked"),
    [
        ({"description": "in other words"}, ["register"]),
        ({"gates": {"minimum": 0.1}}, ["evaluate", "register"]),
        ({"metric": "log_loss"}, ["evaluate", "register"]),
        (
            {"estimator": {"class": "sklearn.tree.DecisionTreeClassifier"}},
            ["train", "export", "evaluate", "register"],
        ),
        ({"split": {"seed": 9}}, list(STEPS[1:])),
        ({"schedule": {"every_hours": 5}}, []),
        ({"pipeline": {"every_hours": {"train": 5}}}, []),
    ],
    ids=["description", "gates", "metric", "estimator", "split", "schedule", "pipeline"],
)
def test_only_what_depends_on_it_is_done_when_the_spec_changed(house, changes, worked):
    again = house.again({**house.spec, **changes}).run()

    assert again.worked == worked
    assert again.registry.model("flower").spec == again.state["spec"]


def test_description_of_a_column_reaches_the_signature_when_it_alone_changed(house):
    columns = [dict(c) for c in house.spec["data"]["columns"]]
    columns[0]["description"] = "of the petal"
    spec = {**house.spec, "data": {**house.spec["data"], "columns": columns}}

    again = house.again(spec).run()

    assert again.worked == ["train", "export", "evaluate", "register"]
    assert again.manifest().signature.inputs[0].description == "of the petal"


def test_rows_that_are_the_same_are_not_trained_on_again_when_they_come_in_another_order_of_columns(
    house,
):
    rows = [dict(reversed(row.items())) for row in flowers(60)]

    again = house.again(data=as_csv(rows)).run()

    assert again.worked == ["collect", "register"]  # the lineage names the other file
    assert again.state["preprocess"]["from"] == "first"


def test_bad_rows_are_those_of_the_data_when_other_data_had_the_same_good_ones(house):
    bad = as_csv(flowers(60)) + b"99,1,red,tall\r\n"
    house.again(data=bad).run(until="collect")

    again = house.again(data=house.data).run(until="preprocess")

    assert again.worked == ["collect"]
    (rejects,) = (key for key in again.store.objects if key.endswith("rejects.csv"))
    assert b"out_of_range" not in again.store.get(rejects)


def test_the_steps_behind_are_done_when_code_or_a_library_of_a_step_changed(house):
    again = house.again()
    again.means = {"export": "other code"}

    again.run()

    assert again.worked == ["export", "evaluate", "register"]
    assert again.state["train"]["work"] == "first"


@pytest.mark.parametrize(
    ("gone", "worked"),
    [
        ("trainings/first/model.joblib", ["train"]),
        ("trainings/first/export.json", ["export", "evaluate", "register"]),
        ("train.npz", ["preprocess"]),
        ("manifest.json", ["register"]),
    ],
)
def test_memo_counts_as_none_when_a_file_of_it_is_gone(house, gone, worked):
    house.forget(gone)

    again = house.again().run()

    assert again.worked[: len(worked)] == worked


def test_version_is_registered_anew_when_the_registry_has_it_no_more(house):
    again = house.again()
    again.registry = MemoryRegistry()

    again.run()

    assert again.worked == ["register"]
    assert again.registry.versions("flower")


def test_model_is_refused_again_without_work_when_nothing_changed():
    house = House(flower_spec(gates={"latency_p99_ms": 0.1}), until="evaluate")

    again = house.again().run(until="evaluate")

    assert house.first.state["evaluate"]["passed"] is False
    assert again.worked == []
    assert again.state["evaluate"]["reasons"] == house.first.state["evaluate"]["reasons"]


def test_files_of_the_first_are_served_when_only_the_gates_changed(house):
    again = house.again({**house.spec, "gates": {"minimum": 0.2}}).run()

    assert again.state["register"]["training"] == "tr1"
    one, other = again.registry.trainings("flower", again.state["register"]["version"])
    assert one.ref.digest == other.ref.digest
    assert again.manifest().lineage.training_id == "again"


def test_both_halves_are_found_again_when_a_pair_is_unchanged():
    spec, data = example("breast-cancer-pair")
    house = House(spec, data)

    again = house.again().run()

    assert again.worked == []
    assert again.state["register"]["preprocessor"] == house.first.state["register"]["preprocessor"]


def test_halves_are_registered_from_where_they_are_when_only_the_description_changed():
    spec, data = example("breast-cancer-pair")
    house = House(spec, data)

    again = house.again({**spec, "description": "in other words"}).run()

    assert again.worked == ["register"]
    assert again.state["register"]["training"] == "tr1"


def test_joblib_file_is_served_from_the_train_step_when_it_was_skipped():
    def refuses(*_args, **_more):
        raise RejectedError("there is no such form")

    house = House(export=refuses)
    house.forget("steps/export")

    again = house.again()
    again._tools = {"export": refuses}
    again.run()

    assert again.worked == ["export", "evaluate", "register"]
    assert again.state["export"]["runtime"] == "joblib"
    assert again.state["train"]["work"] == "first"


def test_own_work_is_kept_when_the_step_was_cut_off_behind_it(house):
    """A function that is killed after its memo is invoked again; the second finds the memo."""
    training = Training(house.spec, as_csv(flowers(70)), training_id="cut").run(until="train")
    done = training.state.pop("train")

    training.step("train")

    assert training.worked.count("train") == 1
    assert training.state["train"] == done
    assert status(training, "train")["state"] == "done"
    assert status(training, "train")["attempt"] == 2


def test_attempts_and_failure_are_told_when_a_step_fails():
    def breaks(*_args, **_more):
        raise FaultError("the export is broken")

    training = Training(flower_spec(), as_csv(flowers(60)), measure=breaks).run(until="train")
    for attempt in (1, 2):
        with pytest.raises(FaultError):
            training.step("export")
        told = status(training, "export")
        assert (told["state"], told.get("attempt", 1)) == ("failed", attempt)

    training._tools = {}
    training.step("export")

    assert status(training, "export")["state"] == "done"
    assert status(training, "export")["attempt"] == 3
    assert status(training, "export")["cost_usd"] == 0.5


def test_what_was_finished_is_not_repeated_when_a_failed_training_is_started_again():
    def breaks(*_args, **_more):
        raise FaultError("the export is broken")

    house = House(until="train", measure=breaks)
    with pytest.raises(FaultError):
        house.first.step("export")

    again = house.again().run()

    assert again.worked == ["export", "evaluate", "register"]
    assert again.state["register"]["training"] == "tr0"


def test_nothing_is_kept_when_the_data_were_replaced_while_they_were_read(house):
    training = house.again(data=as_csv(flowers(60, seed=3)))
    stamps = iter(["as it was", "as it is"])
    training.store.stamp = lambda _uri: next(stamps)

    training.step("collect")

    assert not [k for k in training.store.writes if status(training, "collect")["digest"] in k]


def test_memo_says_what_was_made_and_what_it_took(house):
    kept = memo(house.first, "train")

    assert kept.training_id == "first"
    assert kept.files == ["trainings/first/model.joblib", "trainings/first/train.json"]
    assert (kept.memory_mb, kept.cost_usd) == (1024, 0.5)
    assert kept.result == house.first.state["train"]


def test_the_step_alone_is_done_when_only_it_was_asked_for(house):
    other = {**house.spec, "gates": {"minimum": 0.1}}

    again = house.again(other, only="export").run(until="export")

    assert again.worked == ["export"]
    assert {again.state[step]["from"] for step in STEPS[:3]} == {"first"}


def test_the_step_alone_works_on_what_was_when_the_data_are_others_by_now(house):
    again = house.again(data=as_csv(flowers(60, seed=5)), only="train").run(until="train")

    assert again.worked == ["train"]
    assert again.state["collect"]["dataset"] == house.first.state["collect"]["dataset"]


@pytest.mark.parametrize("change", ["spec", "model", "files"])
def test_the_step_alone_is_refused_when_there_is_nothing_to_run_it_on(house, change):
    spec = dict(house.spec)
    if change == "spec":
        spec["estimator"] = {"class": "sklearn.naive_bayes.GaussianNB"}
    elif change == "model":
        spec["name"] = "blossom"
    else:
        house.forget("trainings/first/model.joblib")

    again = house.again(spec, only="export")

    with pytest.raises(RejectedError, match="as far as train"):
        again.run(until="export")
    assert again.worked == []


@pytest.mark.parametrize("asked", ["only", "keep"])
def test_last_output_counts_as_none_when_the_spec_has_its_data_elsewhere(house, asked):
    again = house.again(**({"only": "train"} if asked == "only" else keeping(house, "train", 1)))
    moved = again.store.uri("raw/flower/moved.csv")
    again.store.put("raw/flower/moved.csv", as_csv(flowers(60, seed=5)))
    again.state["spec"]["data"]["uri"] = moved

    if asked == "only":
        with pytest.raises(RejectedError, match="as far as preprocess"):
            again.run(until="train")
    else:
        assert again.run(until="train").state["collect"]["source_uri"] == moved
        assert again.worked == list(STEPS[:3])


def test_the_step_alone_is_refused_when_files_of_a_step_long_before_it_are_gone(house):
    house.forget("trainings/first/train.json")

    with pytest.raises(RejectedError, match="as far as export"):
        house.again(only="evaluate").run(until="evaluate")


@pytest.mark.parametrize("results", [{"collect": {"rows": 5}}, {}], ids=["others", "none"])
def test_last_output_counts_as_none_when_other_code_told_other_things(house, results):
    key = "steps/train/last/flower.json"
    chain = msgspec.json.decode(house.first.store.get(key))
    house.first.store.put(key, msgspec.json.encode({**chain, "results": results}))
    data = as_csv(flowers(60, seed=5))

    again = house.again(data=data, **keeping(house, "train", 1)).run(until="train")

    assert again.worked == list(STEPS[:3])


def test_memo_counts_as_none_when_its_result_cannot_be_read(house):
    key = f"steps/train/{status(house.first, 'train')['digest']}.json"
    kept = msgspec.json.decode(house.first.store.get(key))
    house.first.store.put(key, msgspec.json.encode({**kept, "result": {"digest": None}}))

    assert house.again().run(until="train").worked == ["train"]


def keeping(house, step, age):
    """Ask to keep a step's last output, which is of now, unless it is older than so many hours."""
    now = house.first.clock.now()
    return {"keep": {step: (now - timedelta(hours=age)).isoformat()}}


def test_last_output_is_kept_with_all_that_it_came_from_when_it_is_young(house):
    again = house.again(data=as_csv(flowers(60, seed=5)), **keeping(house, "train", 1)).run()

    assert again.worked == []
    assert again.state["collect"]["dataset"] == house.first.state["collect"]["dataset"]
    assert again.state["train"]["work"] == "first"


@pytest.mark.parametrize("reason", ["age", "spec"])
def test_step_is_run_when_its_last_output_is_old_or_of_another_spec(house, reason):
    spec = dict(house.spec)
    age = -1 if reason == "age" else 1
    if reason == "spec":
        spec["estimator"] = {"class": "sklearn.naive_bayes.GaussianNB"}
    data = as_csv(flowers(60, seed=5))

    again = house.again(spec, data, **keeping(house, "train", age)).run(until="train")

    assert again.worked == list(STEPS[:3])


def test_outputs_belong_together_when_another_run_comes_in_between(house):
    again = house.again(data=as_csv(flowers(60, seed=5)), **keeping(house, "train", 1))
    again.step("collect")
    other = house.again(data=as_csv(flowers(60, seed=6)))
    other.state["training_id"] = "other"
    other.run(until="train")

    again.run(until="train")

    assert again.state["collect"]["dataset"] == house.first.state["collect"]["dataset"]
    assert again.state["preprocess"]["split"] == house.first.state["preprocess"]["split"]
    assert again.state["train"]["digest"] == house.first.state["train"]["digest"]


def test_spec_is_refused_in_its_own_words_when_it_is_wrong(house):
    again = house.again({**house.spec, "metric": "beauty"})

    with pytest.raises(RejectedError, match="metric"):
        again.step("collect")
    assert status(again, "collect")["state"] == "failed"


def test_step_knows_that_it_has_nothing_to_do_when_it_is_asked(house):
    again = house.again().run(until="preprocess")
    changed = house.again({**house.spec, "estimator": {"class": "sklearn.naive_bayes.GaussianNB"}})
    changed.run(until="preprocess")

    assert again.steps.has(msgspec.convert(again.state, TrainEvent))
    assert not again.steps.has(msgspec.convert(changed.state, TrainEvent))
