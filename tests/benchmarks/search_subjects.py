"""What searches are compared on: data sets of the examples, with spaces over architectures.

The spaces are those of a spec. scikit-learn's searches draw from the very same ones, on the
very same matrix, with the preprocessing and the seeds of the very same pipeline.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fakes.training import Training, example
from servery.adapters.sklearn_pipeline import build_pipeline
from servery.domain.chosen_spec import chosen_spec
from servery.domain.features import Features, features
from servery.domain.search_space import Choices, Numbers, dimensions, filled
from servery.domain.spec import ModelSpec, Role
from servery.domain.spec_rules import read_spec
from sklearn.pipeline import Pipeline

if TYPE_CHECKING:
    from numpy.random import RandomState

TREES = {"n_estimators": {"int": [10, 40]}, "max_features": {"float": [0.1, 1.0]}}
BOOSTING = {
    "n_estimators": {"int": [20, 60]},
    "learning_rate": {"float": [0.01, 0.5], "log": True},
    "max_depth": {"int": [1, 4]},
    "subsample": {"float": [0.5, 1.0]},
}
NEIGHBOURS = {
    "n_neighbors": {"int": [1, 40]},
    "weights": {"choice": ["uniform", "distance"]},
    "p": {"float": [1.0, 4.0]},
}
LINEAR = {"C": {"float": [0.0001, 1000.0], "log": True}, "max_iter": 1000}
CLASSIFIERS = [
    {"class": "sklearn.linear_model.LogisticRegression", "params": LINEAR},
    {
        "class": "sklearn.ensemble.RandomForestClassifier",
        "params": {**TREES, "min_samples_leaf": {"int": [1, 20], "log": True}},
    },
    {"class": "sklearn.neighbors.KNeighborsClassifier", "params": NEIGHBOURS},
]
SUBJECTS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "breast-cancer": (
        "log_loss",
        [
            *CLASSIFIERS,
            {"class": "sklearn.ensemble.GradientBoostingClassifier", "params": BOOSTING},
        ],
    ),
    "diabetes": (
        "rmse",
        [
            {
                "class": "sklearn.linear_model.ElasticNet",
                "params": {
                    "alpha": {"float": [0.0001, 10.0], "log": True},
                    "l1_ratio": {"float": [0.0, 1.0]},
                },
            },
            {
                "class": "sklearn.svm.SVR",
                "params": {
                    "C": {"float": [0.01, 1000.0], "log": True},
                    "gamma": {"float": [0.0001, 1.0], "log": True},
                    "epsilon": {"float": [0.1, 50.0], "log": True},
                },
            },
            {
                "class": "sklearn.ensemble.RandomForestRegressor",
                "params": {**TREES, "min_samples_leaf": {"int": [1, 20], "log": True}},
            },
            {"class": "sklearn.ensemble.GradientBoostingRegressor", "params": BOOSTING},
        ],
    ),
    "digits-light": ("accuracy", CLASSIFIERS),
}
SCORERS = {
    "log_loss": "neg_log_loss",
    "rmse": "neg_root_mean_squared_error",
    "accuracy": "accuracy",
}


@dataclass(frozen=True)
class Subject:
    """A data set with what is searched on it.

    Attributes:
        written: The spec as it is written.
        spec: The same, checked.
        training: Has collected and preprocessed the data.
        train: The training rows.
        test: The test rows, which no search sees.
    """

    written: dict[str, Any]
    spec: ModelSpec
    training: Training
    train: Features
    test: Features


def subject(name: str, **search: Any) -> Subject:
    """A data set by the name of its example; the section `search` has candidates and seeds."""
    written, data = example(name)
    metric, candidates = SUBJECTS[name]
    written = {**written, "metric": metric, "gates": {}, "preprocessing": _preprocessing(written)}
    written["search"] = {"candidates": candidates, **search}
    training = Training(written, data, training_id=f"{name}-0").run(until="preprocess")
    written = training.state["spec"]
    spec = read_spec(written)
    folder = f"datasets/{training.state['collect']['dataset']}"
    parts = [
        features(
            spec,
            training.datasets.read(f"{folder}/{training.state['preprocess']['split']}/{part}.npz"),
        )
        for part in ("train", "test")
    ]
    return Subject(written, spec, training, *parts)


def _preprocessing(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """The same for every architecture, so that all searches prepare rows alike."""
    inputs = [c for c in spec["data"]["columns"] if c.get("role", Role.FEATURE) == Role.FEATURE]
    codes = [c["name"] for c in inputs if "categories" in c]
    measures = [c["name"] for c in inputs if "categories" not in c]
    encoder = {
        "class": "sklearn.preprocessing.OneHotEncoder",
        "params": {"handle_unknown": "ignore", "sparse_output": False},
    }
    groups = [{"columns": measures, "steps": [{"class": "sklearn.preprocessing.StandardScaler"}]}]
    return [*groups, {"columns": codes, "steps": [encoder]}] if codes else groups


class Drawn:
    """A space of a spec as scikit-learn draws from it."""

    def __init__(self, space: Numbers | Choices) -> None:
        self._space = space

    def rvs(self, random_state: RandomState) -> Any:
        """A value by chance."""
        values = self._space.values()
        if isinstance(self._space, Choices):
            return values[random_state.randint(len(values))]
        return self._space.at(random_state.uniform())


def of_scikit_learn(subject: Subject) -> tuple[Pipeline, list[dict[str, Any]]]:
    """The pipeline, and its parameters as distributions, one dict for each architecture."""
    pipeline, spaces = None, []
    for candidate in subject.spec.search.candidates:
        fixed = filled(candidate, {})[0]
        drawn = dimensions(candidate)
        plain = {name: value for name, value in fixed.items() if name not in drawn}
        pipeline = build_pipeline(chosen_spec(subject.spec, candidate.class_path, plain))
        named = {f"estimator__{name}": Drawn(space) for name, space in drawn.items()}
        spaces.append({"estimator": [pipeline.named_steps["estimator"]], **named})
    return pipeline, spaces
