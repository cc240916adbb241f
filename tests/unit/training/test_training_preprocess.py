"""Preprocess: the split and the baseline."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
import servery
from fakes.training import Training, as_csv, example, flower_spec, flowers
from hypothesis import given
from hypothesis import strategies as st
from servery.domain.baseline import Baseline, CategoricalBaseline, NumericBaseline
from servery.domain.columns import Values
from servery.domain.signature import Dtype
from servery.domain.spec_rules import read_spec
from servery.errors import InvalidInputError
from servery.usecases.training.split import digest_split, held_out
from servery.usecases.training.statistics import describe_categories, describe_numbers


def _spec(task="classification", **split):
    spec = flower_spec(split=split)
    if task == "regression":
        kind = {"name": "kind", "dtype": "float", "role": "target", "unit": "1"}
        spec |= {"task": task, "metric": "r2"}
        spec["estimator"] = {"class": "sklearn.linear_model.Ridge"}
        spec["data"]["columns"][3] = kind
    return read_spec(spec)


def _target(*sizes):
    return np.repeat([f"class {i}" for i in range(len(sizes))], sizes).astype(object)


@given(
    sizes=st.lists(st.integers(2, 40), min_size=2, max_size=5).filter(lambda s: sum(s) >= 10),
    fraction=st.floats(0.05, 0.95),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_class_keeps_its_share_when_stratified(sizes, fraction, seed):
    target = _target(*sizes)

    mask = held_out(_spec(test_fraction=fraction, seed=seed), target)

    for index, size in enumerate(sizes):
        tested = int(mask[target == f"class {index}"].sum())
        assert 1 <= tested <= size - 1
        assert abs(tested - size * fraction) <= 1


def test_split_is_the_same_when_the_seed_is_and_another_when_not():
    target = _target(50, 50)

    first, again, other = (held_out(_spec(seed=seed), target) for seed in (1, 1, 2))

    assert (first == again).all()
    assert (first != other).any()
    assert digest_split("ab", first) == digest_split("ab", again)
    assert digest_split("ab", first) != digest_split("ab", other)
    assert digest_split("ab", first) != digest_split("cd", first)


def test_share_is_held_out_when_the_task_is_regression():
    mask = held_out(_spec("regression", test_fraction=0.2), np.arange(50.0))

    assert mask.sum() == 10


@pytest.mark.parametrize(
    ("sizes", "split", "sentence"),
    [
        ((4, 5), {}, "there are 9 good rows; training needs 10"),
        ((20, 1), {}, "class 'class 1' there is one row only"),
        ((20, 1), {"stratify": False}, "class 'class 1' there is one row only"),
        ((20,), {}, "one class only"),
        ((30, 2), {"stratify": False, "test_fraction": 0.9, "seed": 2}, "every row was held out"),
    ],
)
def test_data_is_refused_when_it_cannot_be_split(sizes, split, sentence):
    with pytest.raises(InvalidInputError, match=sentence):
        held_out(_spec(**split), _target(*sizes))


def test_parts_are_stored_apart_and_make_the_whole_when_split():
    training = Training(flower_spec(), as_csv(flowers(60))).run("preprocess")

    done, dataset = training.state["preprocess"], training.state["collect"]["dataset"]
    folder = f"datasets/{dataset}/{done['split']}"
    parts = [training.datasets.read(f"{folder}/{part}.npz") for part in ("train", "test")]
    whole = training.datasets.read(f"datasets/{dataset}/data.npz")
    assert done["train_rows"] + done["test_rows"] == 60
    sizes = [len(part["length"].values) for part in parts]
    assert sizes == [done["train_rows"], done["test_rows"]] == [44, 16]
    together = [*parts[0]["length"].values, *parts[1]["length"].values]
    assert sorted(together) == sorted(whole["length"].values)


def test_split_is_that_of_before_when_training_runs_again():
    runs = [Training(flower_spec(), as_csv(flowers(60))).run("preprocess") for _ in range(2)]

    assert runs[0].state["preprocess"] == runs[1].state["preprocess"]
    assert runs[0].store.objects == runs[1].store.objects


def _baseline(training):
    done, dataset = training.state["preprocess"], training.state["collect"]["dataset"]
    key = f"datasets/{dataset}/{done['split']}/baseline-{done['baseline']}.json"
    return msgspec.json.decode(training.store.get(key), type=Baseline)


def test_baseline_describes_the_training_rows_alone_when_preprocessed():
    training = Training(flower_spec(), as_csv(flowers(60))).run("preprocess")

    found = _baseline(training)

    folder = f"datasets/{training.state['collect']['dataset']}"
    split = training.state["preprocess"]["split"]
    train = training.datasets.read(f"{folder}/{split}/train.npz")
    lengths = train["length"].values
    assert found.rows == 44
    assert set(found.numeric) == {"length", "width"}
    assert set(found.categorical) == {"colour"}
    assert found.numeric["length"].mean == pytest.approx(lengths.mean())
    assert found.numeric["length"].quantiles[50] == pytest.approx(np.median(lengths))
    colours = train["colour"].values.tolist()
    assert found.categorical["colour"].frequencies == {
        c: colours.count(c) for c in sorted(set(colours), key=lambda c: (-colours.count(c), c))
    }
    assert isinstance(found.target, CategoricalBaseline)
    assert sum(found.target.frequencies.values()) == 44


def test_target_is_described_by_numbers_when_the_task_is_regression():
    spec, data = example("diabetes")

    found = _baseline(Training(spec, data).run("preprocess"))

    assert isinstance(found.target, NumericBaseline)
    assert found.target.counts[0] == found.target.counts[-1] == 0
    assert sum(found.target.counts) == found.rows
    assert set(found.categorical) == {"sex"}
    assert set(found.categorical["sex"].frequencies) == {"1", "2"}


def _values(dtype, values, nulls=None):
    array = np.array(values)
    return Values(dtype, array, np.zeros(len(array), "?") if nulls is None else np.array(nulls))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.integers(0, 5))
def test_every_value_falls_in_its_bin_when_numbers_are_described(values, gaps):
    column = _values(Dtype.FLOAT, values + [np.nan] * gaps, [False] * len(values) + [True] * gaps)

    found = describe_numbers(column)

    assert found.count == len(values)
    assert found.nulls == pytest.approx(gaps / (len(values) + gaps))
    assert found.minimum == min(values)
    assert found.maximum == max(values)
    assert found.edges == sorted(set(found.edges))
    bounds = [-np.inf, *found.edges, np.inf]
    for i, count in enumerate(found.counts):
        assert count == sum(bounds[i] < value <= bounds[i + 1] for value in values)


def test_each_value_has_a_bin_when_there_are_few():
    found = describe_numbers(_values(Dtype.INT, [0] * 30 + [1] * 10))

    assert found.counts == [0, 30, 10, 0]


def test_nothing_is_made_up_when_a_column_has_no_value():
    found = describe_numbers(_values(Dtype.FLOAT, [np.nan, np.nan], [True, True]))

    assert (found.count, found.nulls, found.mean, found.quantiles) == (0, 1.0, None, [])


def test_bools_are_written_as_in_json_when_described():
    found = describe_categories(_values(Dtype.BOOL, [True, False, True]))

    assert found.frequencies == {"true": 2, "false": 1}


def test_the_rest_is_counted_when_there_are_very_many_categories():
    texts = np.array([f"t{i}" for i in range(1200)] + ["t0"], dtype=object)

    found = describe_categories(_values(Dtype.STRING, texts))

    assert (found.distinct, len(found.frequencies), found.other) == (1200, 1000, 200)
    assert next(iter(found.frequencies.items())) == ("t0", 2)


def test_preprocessing_loads_no_learning_library_when_imported():
    program = (
        "import sys, servery.usecases.training.preprocess, servery.usecases.training.collect,"
        " servery.adapters.csv_table, servery.adapters.npz_datasets, json;"
        "print(json.dumps([m for m in ('sklearn', 'scipy', 'pyarrow', 'onnxruntime', 'boto3')"
        " if m in sys.modules]))"
    )
    assert _run(program) == []


def test_no_array_is_made_when_registering_and_recording_are_imported():
    program = (
        "import sys, servery.usecases.training.register, servery.usecases.training.record,"
        " servery.usecases.training.start_due, servery.edge.training, json;"
        "print(json.dumps([m for m in ('numpy', 'boto3') if m in sys.modules]))"
    )
    assert _run(program) == []


def _run(program):
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(Path(servery.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(ended.stdout)
