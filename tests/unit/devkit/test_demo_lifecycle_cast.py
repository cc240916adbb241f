import csv
import io

import numpy as np
import pytest
from devkit import demo_lifecycle_cast as cast
from servery.domain.spec_rules import read_spec
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

ROLES = (cast.TREE, cast.FOREST, cast.STUMP, cast.MIXED_UP)
CLASSES = {"DecisionTreeClassifier": DecisionTreeClassifier, "RandomForestClassifier": None}


@pytest.fixture(scope="module")
def wines():
    return cast.wines()


def fitted(role, inputs, truth):
    made = CLASSES[role.estimator.rpartition(".")[2]] or RandomForestClassifier
    return made(random_state=0, **role.params).fit(inputs, truth)


def matrix(wines):
    return np.array([list(row.values()) for row, _ in wines]), [truth for _, truth in wines]


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_spec_holds_together_when_a_role_is_trained(role):
    spec = read_spec(cast.spec_of(role, "wine-life-1234", "s3://bucket/raw/wines.csv"))

    assert spec.name == "wine-life-1234"
    assert spec.release.automatic
    assert (spec.release.shadow is not None) == role.careful == spec.retrain.add_labelled
    assert [step.share for step in spec.release.canary] == [0.25, 0.5]


def test_export_has_the_wines_when_nothing_is_mixed_up(wines):
    rows = list(csv.DictReader(io.StringIO(cast.export(wines).decode())))

    assert len(rows) == len(wines) == 178
    assert [row.pop("cultivar") for row in rows] == [truth for _, truth in wines]
    assert {name: float(value) for name, value in rows[0].items()} == wines[0][0]


def test_two_cultivars_change_places_when_the_export_is_mixed_up(wines):
    rows = csv.DictReader(io.StringIO(cast.export(wines, cast.MIXED_UP.data).decode()))

    said = {(truth, row["cultivar"]) for row, (_, truth) in zip(rows, wines, strict=True)}
    assert said == {
        ("cultivar_1", "cultivar_2"),
        ("cultivar_2", "cultivar_1"),
        ("cultivar_3", "cultivar_3"),
    }


def test_cast_plays_its_part_when_it_is_trained(wines):
    inputs, truth = matrix(wines)
    train, test, y_train, y_test = train_test_split(
        inputs, truth, test_size=0.3, random_state=3, stratify=truth
    )
    models = {role.name: fitted(role, train, y_train) for role in ROLES[:3]}
    f1 = {
        name: f1_score(y_test, model.predict(test), average="macro")
        for name, model in models.items()
    }
    columns = list(wines[0][0])
    shifted = test * [cast.SHIFT.get(name, 1.0) for name in columns]

    assert f1["forest"] > f1["tree"] + 0.03
    assert f1["tree"] > f1["stump"] + 0.2
    assert f1["stump"] > 0.4  # the gate of the training lets it pass
    assert models["forest"].score(shifted, y_test) < models["forest"].score(test, y_test) - 0.1


def test_rows_stay_in_the_ranges_of_the_spec_when_the_traffic_shifts(wines):
    ranges = {c["name"]: c["range"] for c in cast.base()["data"]["columns"] if "range" in c}
    lowest = {name: min(row[name] for row, _ in wines) for name in ranges}
    highest = {name: max(row[name] for row, _ in wines) for name in ranges}

    for name, (low, high) in ranges.items():
        assert low <= lowest[name] * cast.SHIFT.get(name, 1.0) * 0.88
        assert highest[name] * 1.12 <= high
