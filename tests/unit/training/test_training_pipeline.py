"""Train: the pipeline that a spec describes, and how it is fitted."""

from __future__ import annotations

import io

import joblib
import msgspec
import pytest
from fakes.training import Training, as_csv, example, flower_spec, flowers
from servery.adapters.sklearn_pipeline import build_pipeline
from servery.domain.digest import digest_bytes
from servery.domain.spec_rules import read_spec
from servery.errors import InvalidInputError, InvalidSpecError, RejectedError

COLUMNS = [
    {"name": "tall", "dtype": "float", "unit": "m"},
    {"name": "wide", "dtype": "float", "unit": "m", "nullable": True},
    {"name": "size", "dtype": "int", "unit": "1", "categories": [3, 1, 2]},
    {"name": "new", "dtype": "bool", "unit": "1", "nullable": True},
    {"name": "note", "dtype": "string", "unit": "1"},
    {"name": "town", "dtype": "string", "unit": "1", "categories": ["b", "a"], "nullable": True},
    {"name": "kind", "dtype": "string", "role": "target", "unit": "1"},
]


def _spec(estimator="sklearn.linear_model.LogisticRegression", columns=COLUMNS, **more):
    data = {"uri": "s3://a/b", "target": "kind", "columns": columns}
    params = more.pop("params", {})
    return flower_spec(data=data, estimator={"class": estimator, "params": params}, **more)


def _groups(spec):
    prepared = build_pipeline(read_spec(spec)).named_steps["preprocessing"]
    return {
        tuple(places): [type(s).__name__ for _, s in steps.steps] if steps != "passthrough" else []
        for _, steps, places in prepared.transformers
    }


def test_each_column_is_prepared_by_its_dtype_when_nothing_is_said():
    assert _groups(_spec()) == {
        (0,): ["StandardScaler"],
        (1,): ["SimpleImputer", "StandardScaler"],
        (2,): ["OneHotEncoder"],
        (3,): ["SimpleImputer"],
        (4,): ["OneHotEncoder"],
        (5,): ["OneHotEncoder"],
    }


@pytest.mark.parametrize(
    "estimator",
    [
        "sklearn.ensemble.RandomForestClassifier",
        "sklearn.ensemble.HistGradientBoostingClassifier",
        "sklearn.tree.DecisionTreeClassifier",
    ],
)
def test_numbers_are_not_scaled_when_the_estimator_is_made_of_trees(estimator):
    assert _groups(_spec(estimator)) == {
        (0, 2): [],
        (1,): ["SimpleImputer"],
        (3,): ["SimpleImputer"],
        (4,): ["OneHotEncoder"],
        (5,): ["OneHotEncoder"],
    }


def test_categories_are_those_of_the_spec_when_it_names_them():
    prepared = build_pipeline(read_spec(_spec())).named_steps["preprocessing"]
    encoders = {places[0]: steps.steps[-1][1] for _, steps, places in prepared.transformers}

    assert encoders[5].categories == [["a", "b"]]
    assert encoders[2].categories == [[1, 2, 3]]
    assert encoders[4].categories == "auto"
    assert {encoders[place].handle_unknown for place in (2, 4, 5)} == {"ignore"}


def test_preprocessing_is_that_of_the_spec_when_it_gives_one():
    steps = [
        {"class": "sklearn.impute.SimpleImputer", "params": {"strategy": "mean"}},
        {"class": "sklearn.preprocessing.RobustScaler"},
    ]
    spec = flower_spec(
        preprocessing=[
            {"columns": ["width", "length"], "steps": steps},
            {
                "columns": ["colour"],
                "steps": [
                    {
                        "class": "sklearn.preprocessing.OneHotEncoder",
                        "params": {"handle_unknown": "ignore"},
                    }
                ],
            },
        ]
    )

    assert _groups(spec) == {(1, 0): ["SimpleImputer", "RobustScaler"], (2,): ["OneHotEncoder"]}


def test_seed_is_that_of_the_split_when_the_spec_names_none():
    forest = "sklearn.ensemble.RandomForestClassifier"

    def state_of(**params):
        spec = read_spec(_spec(forest, params=params, split={"seed": 9}))
        return build_pipeline(spec).named_steps["estimator"].random_state

    assert state_of() == 9
    assert state_of(random_state=4) == 4


def test_one_job_runs_when_the_spec_asks_for_more():
    spec = read_spec(_spec("sklearn.neighbors.KNeighborsClassifier", params={"n_jobs": -1}))

    assert build_pipeline(spec).named_steps["estimator"].n_jobs == 1


def test_pipeline_is_stored_with_its_digest_when_it_is_fitted():
    training = Training(flower_spec(), as_csv(flowers(60))).run("train")

    content = training.store.get("trainings/flower-1/model.joblib")
    assert training.state["train"]["digest"] == digest_bytes(content)
    assert list(joblib.load(io.BytesIO(content)).classes_) == ["low", "small", "tall"]


def test_fit_is_the_same_when_it_is_done_again():
    spec = flower_spec(estimator={"class": "sklearn.ensemble.RandomForestClassifier"})

    runs = [Training(spec, as_csv(flowers(60))).run("train") for _ in range(2)]

    assert runs[0].state["train"] == runs[1].state["train"]


def test_signature_says_what_the_model_takes_and_gives_when_trained():
    training = Training(flower_spec(), as_csv(flowers(60))).run("train")

    signature = training.file("train.json")["signature"]
    length, _, colour = signature["inputs"]
    assert (length["name"], length["dtype"], length["unit"]) == ("length", "float", "cm")
    assert (length["minimum"], length["maximum"]) == (0, 10)
    assert 0 < length["example"] < 10
    assert colour["categories"] == ["blue", "red"]
    assert colour["example"] in ("blue", "red")
    assert signature["output"] == {
        "name": "kind",
        "dtype": "string",
        "unit": "1",
        "classes": ["low", "small", "tall"],
        "probabilities": True,
    }


def test_libraries_are_named_with_their_versions_when_trained():
    training = Training(flower_spec(), as_csv(flowers(60))).run("train")

    assert training.file("train.json")["libraries"].keys() == {
        "python",
        "numpy",
        "scipy",
        "scikit-learn",
        "joblib",
    }


@pytest.mark.parametrize(
    ("estimator", "params", "error", "sentence"),
    [
        ("DecisionTreeClassifier", {"depth": 3}, InvalidSpecError, "unexpected keyword.*'depth'"),
        ("DecisionTreeClassifier", {"max_depth": -1}, RejectedError, "'max_depth' parameter of"),
        ("DecisionTreeClassifier", {"max_depth": "deep"}, RejectedError, "Got 'deep' instead"),
    ],
)
def test_parameters_are_refused_in_scikit_learns_words_when_it_does_not_take_them(
    estimator, params, error, sentence
):
    spec = flower_spec(estimator={"class": f"sklearn.tree.{estimator}", "params": params})

    with pytest.raises(error, match=sentence):
        Training(spec, as_csv(flowers(60))).run("train")


def test_data_is_refused_in_scikit_learns_words_when_it_cannot_be_fitted():
    passed_on = [{"columns": ["length", "width", "colour"]}]

    with pytest.raises(RejectedError, match="refuses to fit: could not convert string to float"):
        Training(flower_spec(preprocessing=passed_on), as_csv(flowers(60))).run("train")


def test_parameters_are_refused_when_no_memory_is_enough():
    params = {"hidden_layer_sizes": [10**15]}
    spec = flower_spec(
        estimator={"class": "sklearn.neural_network.MLPClassifier", "params": params}
    )

    with pytest.raises(RejectedError, match="refuses to fit: Unable to allocate"):
        Training(spec, as_csv(flowers(60))).run("train")


def test_model_is_refused_in_scikit_learns_words_when_it_cannot_answer_held_out_rows():
    params = {"n_neighbors": 1000}
    spec = flower_spec(
        estimator={"class": "sklearn.neighbors.KNeighborsClassifier", "params": params}
    )

    with pytest.raises(InvalidInputError, match="refuses held-out rows: Expected n_neighbors"):
        Training(spec, as_csv(flowers(60))).run("export")


def test_nothing_is_imported_when_a_class_is_not_on_the_list():
    spec = read_spec(_spec())
    evil = {"class_path": "os.system", "params": {}}
    bad = msgspec.structs.replace(spec, estimator=msgspec.structs.replace(spec.estimator, **evil))

    with pytest.raises(InvalidSpecError, match="allow-list"):
        build_pipeline(bad)


def test_text_is_refused_when_it_is_no_category():
    spec = flower_spec()
    del spec["data"]["columns"][2]["categories"]
    rows = [{**row, "colour": f"shade {i}"} for i, row in enumerate(flowers(1500))]

    with pytest.raises(InvalidInputError, match=r"colour has .* different texts"):
        Training(spec, as_csv(rows)).run("train")


def test_warnings_are_kept_when_the_library_has_some():
    spec, data = example("digits")
    spec["estimator"]["params"] = {"hidden_layer_sizes": [4], "max_iter": 2}

    training = Training(spec, data).run("train")

    assert "ConvergenceWarning" in training.state["train"]["warnings"][0]
