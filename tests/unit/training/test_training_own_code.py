"""Classes of the user's own: named by the template alone, exported where they have a converter."""

from __future__ import annotations

import numpy as np
import pytest
from devkit import specs
from fakes.template import template
from fakes.training import Training, as_csv, flower_spec, flowers
from own_models.clipping import QuantileClipper
from own_models.density import RowDensity
from servery.domain.manifest import Runtime
from servery.domain.own_classes import own_classes, own_classes_instead, own_packages
from servery.domain.spec_rules import read_spec
from servery.errors import FaultError, InvalidSpecError
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import check_estimator

CLIPPER = "own_models.clipping.QuantileClipper"
DENSITY = "own_models.density.RowDensity"


@pytest.fixture(autouse=True)
def named(monkeypatch):
    """As the template names them."""
    monkeypatch.setenv("OWN_CLASSES", f"{CLIPPER},{DENSITY}")


def _spec(step, estimator="sklearn.linear_model.LogisticRegression"):
    measures = {"columns": ["length", "width"], "steps": [step]}
    one_hot = {"class": "sklearn.preprocessing.OneHotEncoder"}
    one_hot["params"] = {"handle_unknown": "ignore", "sparse_output": False}
    colour = {"columns": ["colour"], "steps": [one_hot]}
    return flower_spec(preprocessing=[measures, colour], estimator={"class": estimator})


def test_nothing_is_allowed_when_the_template_names_nothing(monkeypatch):
    monkeypatch.delenv("OWN_CLASSES")

    with pytest.raises(InvalidSpecError, match="allowed: sklearn") as caught:
        read_spec(_spec({"class": CLIPPER}))
    assert caught.value.violations[0].field == "preprocessing[0].steps[0].class"
    assert own_classes() == own_packages() == frozenset()


def test_only_the_named_class_is_allowed_when_its_module_has_others(monkeypatch):
    monkeypatch.setenv("OWN_CLASSES", f" {CLIPPER} ,")

    read_spec(_spec({"class": CLIPPER}))
    with pytest.raises(InvalidSpecError):
        read_spec(_spec({"class": DENSITY}))
    with pytest.raises(InvalidSpecError):
        read_spec(_spec({"class": "own_models.clipping.np.memmap"}))


def test_list_is_read_again_when_the_deploy_changes_it(monkeypatch):
    read_spec(_spec({"class": DENSITY}))

    monkeypatch.setenv("OWN_CLASSES", CLIPPER)

    with pytest.raises(InvalidSpecError):
        read_spec(_spec({"class": DENSITY}))


@pytest.mark.parametrize("wrong", ["Clipper", "own models.Clipper", "a.b;import os", "a..b"])
def test_deploy_is_at_fault_when_it_names_no_path(monkeypatch, wrong):
    monkeypatch.setenv("OWN_CLASSES", f"{CLIPPER},{wrong}")

    with pytest.raises(FaultError, match="no path of a class"):
        own_classes()


def test_shipped_classes_are_named_when_the_template_is_deployed_as_it_is():
    default = template()["Parameters"]["OwnClasses"]["Default"]

    assert set(default.split(",")) == set(specs.own_classes()) == {CLIPPER, DENSITY}


def test_tool_lets_own_classes_pass_when_their_package_is_in_the_layer(monkeypatch, tmp_path):
    monkeypatch.delenv("OWN_CLASSES")
    package = tmp_path / "mine"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('never imported')\n")
    (package / "deep.py").write_text("class Scaler:\n    class Inner: ...\n")
    monkeypatch.setattr(specs, "OWN", tmp_path)

    assert specs.own_classes() == ["mine.deep.Scaler"]
    with own_classes_instead(specs.own_classes()):
        read_spec(_spec({"class": "mine.deep.Scaler"}))
        with pytest.raises(InvalidSpecError):
            read_spec(_spec({"class": CLIPPER}))
    assert own_classes() == frozenset()


def test_graph_is_proven_when_the_package_registers_a_converter():
    run = Training(_spec({"class": CLIPPER, "params": {"lower": 0.1}}), as_csv(flowers(200))).run()

    assert run.file("export.json")["parity"]["exported"]
    assert run.manifest().libraries["own_models"]


def test_joblib_serves_and_says_why_when_there_is_no_converter():
    run = Training(_spec({"class": DENSITY}), as_csv(flowers(200))).run()

    assert run.state["export"]["runtime"] == Runtime.JOBLIB
    assert "RowDensity" in run.manifest().runtime_reason
    assert run.state["register"]["training"] == "tr0"


def test_version_of_own_code_is_told_when_only_it_is_used():
    without = flower_spec()

    assert "own_models" not in Training(without, as_csv(flowers())).run().manifest().libraries


def test_version_rises_when_own_code_changes(monkeypatch, tmp_path):
    package = tmp_path / "homemade"
    package.mkdir()
    (package / "__init__.py").write_text("")
    source = "from own_models.clipping import QuantileClipper\n\n\nclass Mine(QuantileClipper):\n"
    (package / "clip.py").write_text(source + "    '''First.'''\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("OWN_CLASSES", "homemade.clip.Mine")
    spec, rows = _spec({"class": "homemade.clip.Mine"}), as_csv(flowers(200))
    first = Training(spec, rows).run()

    (package / "clip.py").write_text(source + "    '''Second.'''\n")
    kept = {"store": first.store, "registry": first.registry}
    again = Training(spec, rows, training_id="flower-2", **kept).run()

    versions = [run.state["register"]["version"].partition("-")[0] for run in (first, again)]
    assert versions == ["0.1.0", "0.1.1"]


def test_spec_is_refused_when_the_class_is_not_in_the_layer(monkeypatch):
    monkeypatch.setenv("OWN_CLASSES", "own_models.clipping.Forgotten,nowhere.at.All")

    for path in ("own_models.clipping.Forgotten", "nowhere.at.All"):
        with pytest.raises(InvalidSpecError, match="is not in this stack"):
            Training(_spec({"class": path}), as_csv(flowers())).run("train")


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("own_models.clipping.check_is_fitted", "no class with scikit-learn's BaseEstimator"),
        ("own_models.density.np.ndarray", "is not in this stack"),
        ("sklearn.linear_model.Ridge", "is no transformer"),
    ],
)
def test_spec_is_refused_when_the_named_thing_does_not_transform(monkeypatch, path, sentence):
    monkeypatch.setenv("OWN_CLASSES", path)

    with pytest.raises(InvalidSpecError, match=sentence):
        Training(_spec({"class": path}), as_csv(flowers())).run("train")


class Cautious(LogisticRegression):
    """An estimator of the user's own."""


def test_own_estimator_is_trained_when_the_template_names_it(monkeypatch):
    path = f"{__name__}.Cautious"
    monkeypatch.setenv("OWN_CLASSES", path)
    spec = flower_spec(estimator={"class": path, "params": {"C": 2.0}})

    run = Training(spec, as_csv(flowers(200))).run()

    assert run.state["evaluate"]["metrics"]["accuracy"] > 0.7
    assert run.state["export"]["runtime"] == Runtime.JOBLIB


def test_own_estimator_is_refused_when_it_does_another_task(monkeypatch):
    path = "own_models.clipping.QuantileClipper"
    spec = flower_spec(estimator={"class": path})

    with pytest.raises(InvalidSpecError, match="does no classification"):
        Training(spec, as_csv(flowers())).run("train")


@pytest.mark.parametrize("made", [QuantileClipper(), RowDensity()], ids=type)
def test_example_keeps_the_rules_of_scikit_learn_when_checked(made):
    check_estimator(made)


def test_values_are_within_the_quantiles_when_clipped():
    rows = np.arange(101, dtype=np.float32)[:, None]
    clipped = QuantileClipper(0.1, 0.9).fit(rows).transform([[-5.0], [50.0], [np.nan], [500.0]])

    assert clipped[[0, 1, 3], 0].tolist() == [10.0, 50.0, 90.0]
    assert np.isnan(clipped[2, 0])


def test_density_is_higher_when_a_row_is_usual():
    random = np.random.default_rng(0)
    density = RowDensity().fit(random.normal(size=(300, 2)))

    usual, unusual = density.transform([[0.0, 0.0], [6.0, -6.0]])[:, -1]
    assert usual > unusual + 5
    assert density.get_feature_names_out(["a", "b"]).tolist() == ["a", "b", "density"]
