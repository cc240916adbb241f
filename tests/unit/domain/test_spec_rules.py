"""What a spec has to hold to; each broken rule is told with its field."""

from __future__ import annotations

import copy
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from servery.domain.estimators import ESTIMATORS, TOLERANT
from servery.domain.serving import Mode
from servery.domain.spec import Role, spec_json_schema, unlogged
from servery.domain.spec_rules import read_spec
from servery.errors import InvalidSpecError

SPEC: dict[str, Any] = {
    "name": "iris",
    "owner": "botany",
    "task": "classification",
    "data": {
        "uri": "data/iris.csv",
        "target": "species",
        "columns": [
            {"name": "petal_length", "dtype": "float", "unit": "cm", "range": [0, 10]},
            {"name": "colour", "dtype": "string", "unit": "1", "categories": ["red", "blue"]},
            {"name": "species", "dtype": "string", "role": "target", "unit": "1"},
        ],
    },
    "estimator": {"class": "sklearn.linear_model.LogisticRegression", "params": {"C": 1.0}},
    "metric": "accuracy",
}


def spec(**changes: Any) -> dict[str, Any]:
    """The spec with values set by their path: `data__columns__0__unit=None`."""
    made = copy.deepcopy(SPEC)
    for path, value in changes.items():
        *way, last = [int(p) if p.isdigit() else p for p in path.split("__")]
        at: Any = made
        for part in way:
            at = at.setdefault(part, {}) if isinstance(at, dict) else at[part]
        at[last] = value
    return made


def fields(error: InvalidSpecError) -> list[str]:
    return [violation.field for violation in error.violations]


def test_everything_else_has_a_default_when_the_least_is_said():
    read = read_spec(SPEC)
    assert [c.name for c in read.features] == ["petal_length", "colour"]
    assert read.target.name == "species"
    assert read.target.role is Role.TARGET
    assert read.serving.mode is Mode.LOAD
    assert read.preprocessing == "auto"


def test_the_schema_for_editors_takes_it_when_it_is_read():
    jsonschema.validate(SPEC, spec_json_schema())


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "Iris"}, "name"),
        ({"name": "iris/../x"}, "name"),
        ({"name": "iris\n"}, "name"),
        ({"data__columns__1__name": "colour\n"}, "data.columns[1].name"),
        ({"owner": ""}, "owner"),
        ({"task": "clustering"}, "task"),
        ({"data__format": "xlsx"}, "data.format"),
        ({"data__max_rejected": 1.5}, "data.max_rejected"),
        ({"data__columns__0__dtype": "double"}, "data.columns[0].dtype"),
        ({"data__columns__0__unit": None}, "data.columns[0].unit"),
        ({"data__columns__2__unit": None}, "data.columns[2].unit"),
        ({"data__columns__0__range": [10, 0]}, "data.columns[0].range"),
        ({"data__columns__0__range": [0, float("inf")]}, "data.columns[0].range"),
        ({"data__columns__0__range": [float("nan"), 1]}, "data.columns[0].range"),
        ({"data__columns__1__range": [0, 1]}, "data.columns[1].range"),
        ({"data__columns__0__categories": ["a"]}, "data.columns[0].categories"),
        ({"data__columns__1__categories": []}, "data.columns[1].categories"),
        ({"data__columns__1__categories": ["a", "a"]}, "data.columns[1].categories"),
        ({"data__columns__1__categories": ["a", 1]}, "data.columns[1].categories"),
        ({"data__columns__1__name": "petal_length"}, "data.columns[1].name"),
        ({"data__target": "petal_length"}, "data.target"),
        ({"data__target": "nothing"}, "data.target"),
        ({"data__columns__2__role": "feature"}, "data.target"),
        ({"data__columns__2__nullable": True}, "data.target"),
        ({"data__columns__2__dtype": "float"}, "data.target"),
        ({"metric": "rmse"}, "metric"),
        ({"metric": "vibes"}, "metric"),
        ({"gates__maximum": 0.9}, "gates.maximum"),
        ({"metric": "log_loss", "gates__minimum": 0.9}, "gates.minimum"),
        ({"gates__minimum": float("nan")}, "gates.minimum"),
        ({"metric": "log_loss", "gates__maximum": float("inf")}, "gates.maximum"),
        ({"gates__latency_p99_ms": 0}, "gates.latency_p99_ms"),
        ({"owner": "half a \ud800"}, "spec"),
        ({"estimator__class": "os.system"}, "estimator.class"),
        ({"estimator__class": "sklearn.linear_model.Ridge"}, "estimator.class"),
        ({"estimator__class": "a-b"}, "estimator.class"),
        ({"split__test_fraction": 1}, "split.test_fraction"),
        ({"serving__mode": "carry"}, "serving.mode"),
        ({"serving__deadline_ms": 60_000}, "serving.deadline_ms"),
        ({"log__sample": 0}, "log.sample"),
        ({"log__sample": 0.0}, "log.sample"),
        ({"owner": "   "}, "owner"),
        ({"data__columns__0__unit": " "}, "data.columns[0].unit"),
        ({"data__columns__2__unit": " "}, "data.columns[2].unit"),
        ({"log__sample": -0.1}, "log.sample"),
    ],
)
def test_refused_by_field_when_a_rule_is_broken(changes, field):
    with pytest.raises(InvalidSpecError) as caught:
        read_spec(spec(**changes))
    assert field in fields(caught.value)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"colour": "blue"}, "colour"),
        ({"serving__fast": True}, "fast"),
        ({"data__columns__0__unitt": "cm"}, "unitt"),
    ],
)
def test_refused_and_named_when_a_field_is_unknown(changes, named):
    with pytest.raises(InvalidSpecError, match=named):
        read_spec(spec(**changes))


@pytest.mark.parametrize("missing", ["name", "owner", "task", "data", "estimator", "metric"])
def test_refused_and_named_when_a_field_is_missing(missing):
    made = spec()
    del made[missing]
    with pytest.raises(InvalidSpecError, match=missing):
        read_spec(made)


def test_every_broken_rule_is_told_when_there_are_several():
    broken = spec(metric="rmse", data__columns__0__unit=None, estimator__class="os.system")
    with pytest.raises(InvalidSpecError) as caught:
        read_spec(broken)
    assert fields(caught.value) == ["data.columns[0].unit", "metric", "estimator.class"]


GROUP = {"columns": ["petal_length"], "steps": [{"class": "sklearn.preprocessing.StandardScaler"}]}


@pytest.mark.parametrize(
    ("groups", "field"),
    [
        ([GROUP], "preprocessing"),
        ([GROUP, {"columns": ["colour", "petal_length"]}], "preprocessing[1].columns"),
        ([GROUP, {"columns": ["colour", "species"]}], "preprocessing[1].columns"),
        ([{"columns": []}], "preprocessing[0].columns"),
        (
            [GROUP, {"columns": ["colour"], "steps": [{"class": "os.system"}]}],
            "preprocessing[1].steps[0].class",
        ),
        ("none", "preprocessing"),
    ],
)
def test_refused_by_field_when_preprocessing_does_not_fit_the_columns(groups, field):
    with pytest.raises(InvalidSpecError) as caught:
        read_spec(spec(preprocessing=groups))
    assert field in fields(caught.value)


def test_every_feature_is_covered_when_preprocessing_is_given():
    read = read_spec(spec(preprocessing=[GROUP, {"columns": ["colour"]}]))
    assert read.preprocessing != "auto"


@pytest.mark.parametrize("value", [object(), {1: 2}, {"a": {1: 2}}, [object()], {1, 2}, b"x"])
def test_refused_by_field_when_a_parameter_is_no_plain_value(value):
    with pytest.raises(InvalidSpecError) as caught:
        read_spec(spec(estimator__params={"C": value}))
    assert fields(caught.value) == ["estimator.params.C"]


@pytest.mark.parametrize(
    "task_and_class", [(task, path) for task, paths in ESTIMATORS.items() for path in sorted(paths)]
)
def test_taken_when_the_estimator_is_on_the_list(task_and_class):
    task, path = task_and_class
    made = spec(task=str(task), estimator__class=path)
    if task == "regression":
        made["metric"] = "rmse"
        made["data"]["columns"][2]["dtype"] = "float"
    assert read_spec(made).estimator.class_path == path


def test_refused_when_it_is_nested_too_deeply():
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InvalidSpecError, match="nested too deeply"):
        read_spec(spec(estimator__params__C=deep))


@pytest.mark.parametrize("name", TOLERANT)
@pytest.mark.parametrize("params", [{}, {"handle_unknown": "error"}])
def test_refused_by_field_when_an_encoder_would_fail_on_a_new_word(name, params):
    groups = [
        {"columns": ["petal_length"]},
        {"columns": ["colour"], "steps": [{"class": name, "params": params}]},
    ]
    with pytest.raises(InvalidSpecError) as caught:
        read_spec(spec(preprocessing=groups))
    assert fields(caught.value) == ["preprocessing[1].steps[0].params.handle_unknown"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
        max_leaves=20,
    )
)
def test_refused_and_nothing_else_when_it_is_no_spec_at_all(value):
    with pytest.raises(InvalidSpecError):
        read_spec(value)


@pytest.mark.parametrize(
    ("changes", "left_out"),
    [
        ({}, []),
        ({"data__columns__0__personal": True}, ["input"]),
        ({"data__columns__2__personal": True}, ["output"]),
        ({"data__columns": "unreadable"}, ["input", "output"]),
        ({"data": None}, ["input", "output"]),
    ],
)
def test_what_is_personal_is_left_out_of_the_log(changes, left_out):
    assert unlogged(spec(**changes)) == left_out


def test_the_logic_is_another_when_a_parameter_changes():
    one, other = read_spec(SPEC), read_spec(spec(estimator__params={"C": 2.0}))
    assert one.logic_digest() != other.logic_digest()
    assert one.logic_digest() == read_spec(spec(owner="zoology")).logic_digest()


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_estimators", 10**30), ("n_bins", [100, 10**9]), ("max_iter", 1e12)],
)
def test_refused_by_field_when_a_count_would_never_end(name, value):
    with pytest.raises(InvalidSpecError) as caught:
        read_spec(spec(estimator__params={name: value}))
    assert fields(caught.value) == [f"estimator.params.{name}"]


def test_refused_when_a_spec_is_larger_than_a_training_can_carry():
    with pytest.raises(InvalidSpecError, match="200000"):
        read_spec(spec(description="x" * 200_000))


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("data__columns__0__dtype", "text", "'text' is none of bool, float, int, string"),
        ("data__columns__2__categories", [True, False], "in quotes"),
        ("name", "Iris", "lower-case letters"),
    ],
)
def test_message_says_what_is_allowed_when_a_value_is_of_the_wrong_kind(
    path: str, value: object, told: str
) -> None:
    with pytest.raises(InvalidSpecError) as caught:
        read_spec(spec(**{path: value}))
    assert told in caught.value.violations[0].message


def test_task_of_a_half_is_refused_when_a_spec_names_it():
    with pytest.raises(InvalidSpecError, match="preprocessing is none of classification"):
        read_spec(spec(task="preprocessing"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"pair": {"preprocessor": "iris"}}, "pair.preprocessor"),
        ({"serving": {"second_stage": "iris"}}, "serving.second_stage"),
        (
            {"pair": {"preprocessor": "other"}, "serving": {"second_stage": "heavy"}},
            "serving.second_stage",
        ),
        (
            {
                "pair": {"preprocessor": "other"},
                "batch": {"schedule": {"every_hours": 1, "source": "s3://bucket/a/"}},
            },
            "batch.schedule",
        ),
    ],
)
def test_servers_are_refused_when_they_could_not_work_together(changes, field):
    with pytest.raises(InvalidSpecError) as refused:
        read_spec(spec(name="iris", **changes))

    assert [v.field for v in refused.value.violations] == [field]


def test_preprocessing_is_the_same_logic_when_only_the_estimators_parameters_change():
    forest = "sklearn.ensemble.RandomForestClassifier"
    one, other = (
        read_spec(spec(estimator={"class": forest, "params": {"n_estimators": count}}))
        for count in (10, 20)
    )
    linear = read_spec(spec(estimator={"class": "sklearn.linear_model.LogisticRegression"}))

    assert one.preprocessing_digest() == other.preprocessing_digest()
    assert one.logic_digest() != other.logic_digest()
    assert one.preprocessing_digest() != linear.preprocessing_digest()


def test_release_is_refused_when_its_stages_could_not_be_carried_out():
    with pytest.raises(InvalidSpecError) as refused:
        read_spec(spec(release={"canary": [{"share": 0.5}, {"share": 0.2}]}))

    assert [v.field for v in refused.value.violations] == ["release.canary[1].share"]
