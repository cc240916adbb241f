"""Who plays in the story: the wines, what each version is trained on and how, the changed traffic.

All of them are honest: real wines, classes of scikit-learn, and mistakes that people make. The
times are short, so that a life takes minutes; nothing else is unlike a model spec for years.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from devkit import specs

if TYPE_CHECKING:
    from collections.abc import Mapping

EXAMPLE = "wine"
SHIFT = {"proline": 0.6, "color_intensity": 0.6, "flavanoids": 0.6}
"""What the new instrument of act 5 reads instead of 1."""
_MIXED_UP = {"cultivar_1": "cultivar_2", "cultivar_2": "cultivar_1"}

Wines = list[tuple[dict[str, float], str]]

_RELEASE: dict[str, Any] = {
    "automatic": True,
    "shadow": {"share": 1.0, "seconds": 6},
    "canary": [{"share": 0.25, "seconds": 10}, {"share": 0.5, "seconds": 6}],
    # A retrained version answers otherwise than a champion that has drifted, and it should: the
    # distance between their answers alone is no reason, errors and labels are.
    "judging": {
        "min_requests": 12,
        "min_labels": 10,
        "patience_s": 600,
        "latency_ratio": 20.0,
        "drift_psi": 5.0,
        "quality_loss": 0.1,
    },
}
_MONITOR: dict[str, Any] = {
    "production_metric": "share of wines whose cultivar is confirmed",
    "min_samples": 80,
    "window_hours": 0.05,
    "shortest_hours": 0.004,
    "min_labels": 30,
    "label_hours": 0.01,
}
_SECOND = 1 / 3600
"""In hours."""
_RETRAIN: dict[str, Any] = {
    "on": ["drift", "accuracy"],
    "at_most_every_hours": 0.25,
    "labelled_days": 1,
}


@dataclass(frozen=True)
class Role:
    """One version of the model.

    Attributes:
        name: What the story calls it.
        about: What it is, for people.
        estimator: Class of scikit-learn.
        params: Of it.
        data: Cultivar to what its data says instead.
        careful: Whether it is trained on the rows that were labelled since too, and its release
            begins with a shadow.
    """

    name: str
    about: str
    estimator: str
    params: Mapping[str, int]
    data: Mapping[str, str] = field(default_factory=dict)
    careful: bool = True


_FOREST = ("sklearn.ensemble.RandomForestClassifier", {"n_estimators": 60, "min_samples_leaf": 2})
_TREE = "sklearn.tree.DecisionTreeClassifier"

TREE = Role("tree", "a decision tree of depth 2", _TREE, {"max_depth": 2})
FOREST = Role("forest", "a forest of 60 trees", *_FOREST)
STUMP = Role("stump", "a decision tree with one question", _TREE, {"max_depth": 1})
MIXED_UP = Role(
    "mixed up",
    "the same forest, in a hurry: on nothing but an export in which two cultivars are mixed up, "
    "held-out rows and all, and released without a shadow",
    *_FOREST,
    _MIXED_UP,
    careful=False,
)
RETRAINED = "retrained"


def wines() -> Wines:
    """The rows of the example and the cultivar of each."""
    from pyarrow import parquet  # noqa: PLC0415 - `--help` need not wait for it

    spec = base()
    target = spec["data"]["target"]
    table = parquet.read_table(specs.EXAMPLES / spec["data"]["uri"]).to_pylist()
    return [({n: float(v) for n, v in row.items() if n != target}, row[target]) for row in table]


def base() -> dict[str, Any]:
    """The spec of the example."""
    spec: dict[str, Any] = yaml.safe_load((specs.EXAMPLES / f"{EXAMPLE}.yaml").read_text())
    return spec


def spec_of(role: Role, model: str, uri: str) -> dict[str, Any]:
    """The spec of a version.

    Args:
        role: Which.
        model: Name of the model in this run of the story.
        uri: Where the export is.
    """
    spec = base()
    release = _RELEASE if role.careful else {k: v for k, v in _RELEASE.items() if k != "shadow"}
    return {
        **spec,
        "name": model,
        "description": f"The story of a model's life: {role.about}.",
        "data": {**spec["data"], "uri": uri, "format": "csv"},
        "estimator": {"class": role.estimator, "params": dict(role.params)},
        "gates": {"minimum": 0.4, "latency_p99_ms": 50, "size_mb": 5},
        # Long, since a busy laptop takes its time to start a second process of a server.
        "serving": {"mode": "load", "deadline_ms": 25_000},
        "monitor": _MONITOR,
        "release": release,
        "retrain": {**_RETRAIN, "add_labelled": role.careful},
        "retire": {"unused_days": 45 * _SECOND / 24, "grace_hours": 2 * _SECOND},
    }


def export(rows: Wines, instead: Mapping[str, str] | None = None) -> bytes:
    """The wines as the export of a laboratory, CSV.

    Args:
        rows: The wines.
        instead: Cultivar to what the export says instead.
    """
    target, content = base()["data"]["target"], io.StringIO(newline="")
    table = csv.DictWriter(content, [*rows[0][0], target])
    table.writeheader()
    for row, truth in rows:
        table.writerow({**row, target: (instead or {}).get(truth, truth)})
    return content.getvalue().encode()
