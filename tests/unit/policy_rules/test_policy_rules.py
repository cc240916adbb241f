"""Policies that hold together pass; each that does not is refused by the field that is wrong."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from fakes.policy_grounds import (
    CANDIDATE,
    CHAMPION,
    CLASSIFIER,
    LAST_GOOD,
    REGRESSOR,
    Models,
    figures,
    served,
)
from servery.domain.manifest import Part
from servery.domain.policies import Policies
from servery.domain.policy_rules import broken_rules
from servery.domain.signature import Dtype, Output


@pytest.fixture
def models() -> Models:
    return Models()


def policies(**given: Any) -> Policies:
    return msgspec.convert(given, Policies)


def broken(models: Models, give_up: bool = False, **given: Any) -> dict[str, str]:
    grounds = models.grounds(online_given_up=give_up)
    return {v.field: v.message for v in broken_rules(policies(**given), grounds)}


def branch(name: str = "night", version: str = LAST_GOOD, **given: Any) -> dict[str, Any]:
    return {"name": name, "version": version, **given}


NIGHT = {"start": "22:00", "end": "06:00"}
DAY = {"start": "06:00", "end": "22:00"}
EXPERIMENT = {
    "name": "price",
    "header": "x-user",
    "variants": [
        {"name": "old", "version": CHAMPION, "weight": 0.7},
        {"name": "new", "version": CANDIDATE, "weight": 0.3},
    ],
}

GOOD = [
    {},
    {"deadline_ms": 50, "log_sample": 0.01},
    {"routing": {"version": CANDIDATE, "zone": "Europe/Paris"}},
    {"routing": {"branches": [branch(hours=NIGHT), branch("day", hours=DAY)]}},
    {"routing": {"branches": [branch(match=[{"header": "x-shop", "among": ["1", "2"]}])]}},
    {"routing": {"branches": [branch(match=[{"header": "x-age", "above": 17}])]}},
    {"routing": {"branches": [branch(match=[{"column": "amount", "among": [1, 2.5]}])]}},
    {"routing": {"branches": [branch(match=[{"column": "country", "among": ["de"]}])]}},
    {"routing": {"branches": [branch(match=[{"column": "member", "among": [True]}])]}},
    {"routing": {"experiment": EXPERIMENT}},
    {"routing": {"experiment": {**EXPERIMENT, "header": None, "column": "customer"}}},
    {"routing": {"shadow": {"version": CANDIDATE, "share": 0.1}}},
    {"routing": {"threshold": {"positive": "high", "at": 0.2, "otherwise": "low"}}},
    {"routing": {"off": {"kind": "queue"}}},
    {"routing": {"off": {"kind": "default", "default": {"class": "low"}}}},
    {
        "routing": {
            "off": {
                "kind": "default",
                "default": {"class": "low", "probabilities": {"low": 0.9, "high": 0.1}},
            }
        }
    },
    {"cache": {"seconds": 60}, "circuit": {"fallback": {"kind": "cached"}}},
    {"cache": {}, "circuit": {"fallback": {"kind": "last_known"}}},
    {"circuit": {"rate": {"per_second": 5}, "concurrency": {"at_once": 2}, "breaker": {}}},
    {"online": {"p99_ms": 20, "size_mb": 5}},
]


@pytest.mark.parametrize("given", GOOD)
def test_nothing_is_wrong_when_policies_hold_together(models, given):
    assert broken(models, **given) == {}


def routing(**given: Any) -> dict[str, Any]:
    return {"routing": given}


def matching(**match: Any) -> dict[str, Any]:
    return routing(branches=[branch(match=[match])])


def trying(**changes: Any) -> dict[str, Any]:
    return routing(experiment={**EXPERIMENT, **changes})


def weighing(*weights: float) -> dict[str, Any]:
    variants = [{"name": f"v{n}", "version": CHAMPION, "weight": w} for n, w in enumerate(weights)]
    return trying(variants=variants)


def switched(**off: Any) -> dict[str, Any]:
    return routing(off=off)


BRANCH = "routing.branches[0]"
MATCH = f"{BRANCH}.match[0]"
OFF = "routing.off"
WRONG = [
    (routing(version="9.9.9"), "routing.version", "is not served; served are 3"),
    (routing(branches=[branch(version="9", hours=NIGHT)]), f"{BRANCH}.version", "--as candidate"),
    (routing(shadow={"version": "9"}), "routing.shadow.version", "not served"),
    (routing(zone="Europe/Atlantis"), "routing.zone", "no time zone"),
    (routing(zone=""), "routing.zone", "no time zone"),
    (routing(zone="../etc/passwd"), "routing.zone", "no time zone"),
    (routing(branches=[branch()]), BRANCH, "every request"),
    (
        routing(branches=[branch(hours={"start": "08:00", "end": "08:00"})]),
        f"{BRANCH}.hours",
        "sam",
    ),
    (
        routing(branches=[branch(hours={"start": "24:00", "end": "08:00"})]),
        f"{BRANCH}.hours.start",
        "00:00",
    ),
    (routing(branches=[branch(hours={"days": ["mon", "mon"]})]), f"{BRANCH}.hours.days", "twice"),
    (
        routing(branches=[branch(hours=NIGHT), branch(hours={"start": "06:00", "end": "22:00"})]),
        "routing.branches[1].name",
        "another",
    ),
    (matching(among=["a"]), MATCH, "header or a column"),
    (matching(header="x-a", column="country", among=["a"]), MATCH, "header or a column"),
    (matching(header="x-a"), MATCH, "among"),
    (matching(header="x-a", among=["a"], above=1), MATCH, "among, or"),
    (matching(header="x-a", among=[]), f"{MATCH}.among", "empty"),
    (matching(header="x-a", among=[1]), f"{MATCH}.among", "in quotes"),
    (matching(column="amount", above=3, at_most=3), MATCH, "nothing is above"),
    (matching(column="height", above=3), f"{MATCH}.column", "no input height"),
    (matching(column="country", above=3), MATCH, "for numbers"),
    (matching(column="member", above=0), MATCH, "for numbers"),
    (matching(column="country", among=["xx"]), f"{MATCH}.among", "categories"),
    (matching(column="country", among=[1]), f"{MATCH}.among", "is string"),
    (matching(column="visits", among=[True]), f"{MATCH}.among", "is int"),
    (matching(column="visits", among=[1.5]), f"{MATCH}.among", "is int"),
    (matching(column="member", among=[1]), f"{MATCH}.among", "is bool"),
    (matching(column="amount", among=["1"]), f"{MATCH}.among", "is float"),
    (
        routing(
            branches=[
                branch(match=[{"column": "amount", "above": 5}, {"column": "amount", "at_most": 5}])
            ]
        ),
        f"{BRANCH}.match",
        "no request",
    ),
    (weighing(0.5, 0.4), "routing.experiment.variants", "add up to 0.9"),
    (weighing(0.5, 0.50000001), "routing.experiment.variants", "add up"),
    (trying(header=None), "routing.experiment", "header or the column"),
    (trying(column="customer"), "routing.experiment", "header or the column"),
    (trying(header=None, column="nobody"), "routing.experiment.column", "no input"),
    (trying(header=None, column="amount"), "routing.experiment.column", "whole number"),
    (
        trying(variants=[{**v, "name": "same"} for v in EXPERIMENT["variants"]]),
        "routing.experiment.variants[1].name",
        "another",
    ),
    (
        routing(threshold={"positive": "hihg", "at": 0.2, "otherwise": "low"}),
        "routing.threshold.positive",
        "classes are high, low",
    ),
    (
        routing(threshold={"positive": "low", "at": 0.2, "otherwise": "low"}),
        "routing.threshold.otherwise",
        "same class",
    ),
    (switched(kind="refuse", default={"class": "low"}), f"{OFF}.default", "has none"),
    (switched(kind="refuse", model="wine"), f"{OFF}.model", "has none"),
    (switched(kind="default"), f"{OFF}.default", "say what"),
    (switched(kind="default", default={}), f"{OFF}.default.class", "missing"),
    (switched(kind="default", default={"class": "lwo"}), f"{OFF}.default.class", "high, low"),
    (switched(kind="default", default={"class": "low", "value": 1}), f"{OFF}.default.value", "has"),
    (
        switched(kind="default", default={"class": "low", "probabilities": {"low": 1}}),
        f"{OFF}.default.probabilities",
        "high, low",
    ),
    (
        switched(kind="default", default={"class": "low", "probabilities": {"low": 2, "high": 0}}),
        f"{OFF}.default.probabilities",
        "0 to 1",
    ),
    (switched(kind="cached"), f"{OFF}.kind", "say cache"),
    ({"circuit": {"fallback": {"kind": "last_known"}}}, "circuit.fallback.kind", "say cache"),
    (switched(kind="light"), f"{OFF}.model", "say which"),
    (switched(kind="light", model="iris"), f"{OFF}.model", "itself"),
    (switched(kind="light", model="wine"), f"{OFF}.model", "nobody answers"),
    ({"log_sample": 0}, "log_sample", "0.01"),
    ({"deadline_ms": 50, "online": {"p99_ms": 100}}, "deadline_ms", "takes 60 ms"),
    ({"cache": {"seconds": 1, "hot_seconds": 2}}, "cache.hot_seconds", "more than"),
]


@pytest.mark.parametrize(("given", "field", "told"), WRONG)
def test_field_and_reason_are_told_when_policies_are_wrong(models, given, field, told):
    if field == "deadline_ms":
        models.measured = figures(p99_ms=60)
    found = broken(models, **given)
    assert list(found) == [field]
    assert told in found[field]


def test_everything_is_told_when_several_things_are_wrong(models):
    found = broken(models, log_sample=0, routing={"version": "9", "off": {"kind": "cached"}})
    assert set(found) == {"log_sample", "routing.version", "routing.off.kind"}


def test_figures_are_told_when_the_champion_exceeds_the_online_budget(models):
    found = broken(models, online={"p99_ms": 19, "size_mb": 4.5})
    assert "20 ms" in found["online.p99_ms"]
    assert "give_up_online" in found["online.p99_ms"]
    assert "5 MB" in found["online.size_mb"]
    assert broken(models, give_up=True, online={"p99_ms": 19, "size_mb": 4.5}) == {}


def test_nothing_is_said_of_budgets_when_nobody_has_measured(models):
    models.measured = None
    assert broken(models, deadline_ms=50, online={"p99_ms": 0.001}) == {}


def test_what_was_forgotten_stays_so_when_the_generation_is_lowered(models):
    models.deployment = msgspec.structs.replace(
        models.deployment, policies=policies(cache={"generation": 3})
    )
    assert list(broken(models, cache={"generation": 2})) == ["cache.generation"]
    assert broken(models, cache={"generation": 4}) == {}
    assert broken(models) == {}


@pytest.mark.parametrize(
    ("signature", "told"),
    [
        (
            msgspec.structs.replace(CLASSIFIER, inputs=CLASSIFIER.inputs[1:]),
            "other inputs than the champion: amount",
        ),
        (REGRESSOR, "is a regression"),
        (
            msgspec.structs.replace(
                CLASSIFIER,
                output=Output(name="risk", dtype=Dtype.STRING, classes=["high", "mid", "low"]),
            ),
            "other classes",
        ),
    ],
)
def test_version_is_refused_when_callers_would_notice(models, signature, told):
    models.versions[CANDIDATE] = signature
    found = broken(models, routing={"shadow": {"version": CANDIDATE}})
    assert told in found["routing.shadow.version"]


class TestRegression:
    @pytest.fixture
    def models(self) -> Models:
        return Models(signature=REGRESSOR)

    def test_default_is_a_value_when_numbers_are_predicted(self, models):
        assert broken(models, **switched(kind="default", default={"value": 3})) == {}
        whole = {"value": 3.5, "unit": "EUR"}
        assert broken(models, **switched(kind="default", default=whole)) == {}

    @pytest.mark.parametrize(
        ("row", "field"),
        [
            ({"class": "low"}, "class"),
            ({"value": "3"}, "value"),
            ({"value": True}, "value"),
            ({"value": 3, "unit": "USD"}, "unit"),
        ],
    )
    def test_default_is_refused_when_it_is_no_value(self, models, row, field):
        found = broken(models, **switched(kind="default", default=row))
        assert f"{OFF}.default.{field}" in found

    def test_threshold_is_refused_when_there_are_no_classes(self, models):
        found = broken(models, routing={"threshold": {"positive": 1, "at": 0, "otherwise": 0}})
        assert "probability" in found["routing.threshold"]


class TestLight:
    def light(self, models: Models) -> str:
        return broken(models, **switched(kind="light", model="wine")).get(f"{OFF}.model", "")

    def test_accepted_when_it_takes_fewer_inputs(self, models):
        models.deploy("wine", msgspec.structs.replace(CLASSIFIER, inputs=CLASSIFIER.inputs[:2]))
        assert self.light(models) == ""

    def test_refused_when_it_takes_what_this_one_does_not(self, models):
        models.signature = msgspec.structs.replace(CLASSIFIER, inputs=CLASSIFIER.inputs[:2])
        models.deploy("wine")
        assert "member, country, customer" in self.light(models)

    def test_refused_when_it_answers_something_else(self, models):
        models.deploy("wine", REGRESSOR)
        assert "is a regression" in self.light(models)
        classes = Output(name="risk", dtype=Dtype.STRING, classes=["grave", "low"])
        models.deploy("wine", msgspec.structs.replace(CLASSIFIER, output=classes))
        assert "answers classes" in self.light(models)

    def test_refused_when_it_leads_back(self, models):
        back = policies(circuit={"fallback": {"kind": "light", "model": "iris"}})
        models.deploy("beer", policies=back)
        models.deploy("wine", policies=policies(**switched(kind="light", model="beer")))
        assert "leads back" in self.light(models)

    def test_accepted_when_it_leads_elsewhere(self, models):
        round_trip = policies(**switched(kind="light", model="beer"))
        models.deploy("beer", policies=round_trip)
        models.deploy("wine", policies=round_trip)
        assert self.light(models) == ""

    def test_refused_when_it_is_half_of_a_pair(self, models):
        models.deploy("wine")
        half = served(CHAMPION, model="wine", part=Part.PREDICTOR, pair="p")
        models.others["wine"] = msgspec.structs.replace(models.others["wine"], champion=half)
        assert "half of a pair" in self.light(models)


class TestHalf:
    @pytest.fixture
    def models(self) -> Models:
        made = Models()
        half = served(CHAMPION, part=Part.PREPROCESSOR, pair="p")
        made.deployment = msgspec.structs.replace(made.deployment, champion=half)
        return made

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            (routing(version=LAST_GOOD), "routing.version"),
            (routing(shadow={"version": LAST_GOOD}), "routing.shadow.version"),
            (switched(kind="queue"), f"{OFF}.kind"),
            (switched(kind="default", default={"class": "low"}), f"{OFF}.kind"),
        ],
    )
    def test_refused_when_it_is_for_whole_models(self, models, given, field):
        assert "pair" in broken(models, **given)[field]

    def test_accepted_when_it_needs_one_model_only(self, models):
        assert broken(models, cache={}, circuit={"rate": {"per_second": 1}}) == {}
        assert broken(models, routing={"active": False}) == {}


def test_nothing_is_kept_when_the_answers_are_about_persons(models):
    champion = models.deployment.champion
    personal = msgspec.structs.replace(champion, unlogged=["output"])
    models.deployment = msgspec.structs.replace(models.deployment, champion=personal)
    assert list(broken(models, cache={})) == ["cache"]
    of_inputs = msgspec.structs.replace(champion, unlogged=["input"])
    models.deployment = msgspec.structs.replace(models.deployment, champion=of_inputs)
    assert broken(models, cache={}) == {}
