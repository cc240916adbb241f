"""What registering finds wrong with a graph, by field; and what it learns of a right one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from fakes.deployed import classifier, deploy, number, regression, text
from fakes.object_store import MemoryObjectStore
from fakes.records import VERSION
from fakes.registry import MemoryRegistry
from servery.domain.entities import EntityColumn
from servery.domain.graphs import GraphSpec
from servery.domain.signature import Dtype, Field
from servery.errors import ArtifactError, InvalidSpecError
from servery.usecases.graph.checking import Checked, check_graph
from servery.usecases.graph.models import Models

NEWER = "0.1.1-dabc1234.sdef5678"


class Shop:
    """Models that are deployed, and a check against them."""

    def __init__(self) -> None:
        self.registry, self.objects = MemoryRegistry(), MemoryObjectStore()
        kinds = ["red", "white"]
        self.deploy("cultivar", classifier(kinds, number("alcohol", "%"), number("hue")))
        self.deploy("strength", regression("%", text("kind", categories=kinds), number("hue")))
        self.deploy("price", regression("EUR", number("strength", "%"), number("chance")))
        self.deploy("yes-a", classifier(["yes", "no"], number("hue")), p99_ms=40)
        self.deploy("yes-b", classifier(["no", "yes"], number("hue")), p99_ms=80)
        self.deploy("bare", classifier(["yes", "no"], number("hue"), probabilities=False))
        self.deploy("rank", classifier([1, 2, 3], number("hue"), dtype=Dtype.INT))
        self.deploy("good", classifier([True, False], number("hue"), dtype=Dtype.BOOL))

    def deploy(self, model: str, signature: Any, **more: Any) -> None:
        deploy(self.registry, self.objects, model, signature, **more)

    def check(self, *steps: dict[str, Any], **more: Any) -> Checked:
        spec = {"name": "wine", "owner": "cellar", "steps": list(steps), **more}
        models = Models(self.registry, self.objects)
        return check_graph(msgspec.convert(spec, GraphSpec), models)

    def wrong(self, *steps: dict[str, Any], **more: Any) -> dict[str, str]:
        with pytest.raises(InvalidSpecError) as caught:
            self.check(*steps, **more)
        violations = caught.value.violations
        assert len({v.field for v in violations}) == len(violations)
        assert caught.value.message.startswith("the graph is not valid: ")
        return {v.field: v.message for v in violations}


@pytest.fixture
def shop() -> Shop:
    return Shop()


def model(name: str, of: str, /, **more: Any) -> dict[str, Any]:
    return {"name": name, "model": of, **more}


def group(name: str, aggregate: str, *members: Any, **more: Any) -> dict[str, Any]:
    """A group; a member is its model, or all that is said of it."""
    step = {k: more.pop(k) for k in list(more) if k in ("deadline_ms", "on_failure", "default")}
    said = [
        {"name": f"m{i}", "model": m} if isinstance(m, str) else {"name": f"m{i}", **m}
        for i, m in enumerate(members)
    ]
    return {"name": name, "group": {"aggregate": aggregate, "members": said, **more}, **step}


def lookup(name: str, key: str, *columns: tuple[str, str], **more: Any) -> dict[str, Any]:
    found = [{"name": c, "dtype": d} for c, d in columns]
    return {"name": name, "lookup": {"entity": "maker", "key": key, "columns": found}, **more}


CULTIVAR = model("cultivar", "cultivar")
STRENGTH = model("strength", "strength", inputs={"kind": "cultivar.class"})


class TestRight:
    def test_request_and_models_are_known_when_steps_build_on_each_other(self, shop):
        price = model(
            "price",
            "price",
            inputs={"strength": "strength.value", "chance": "cultivar.probabilities.red"},
        )
        checked = shop.check(price, STRENGTH, CULTIVAR)
        assert checked.request == [
            EntityColumn(name="hue", dtype=Dtype.FLOAT),
            EntityColumn(name="alcohol", dtype=Dtype.FLOAT, unit="%"),
        ]
        assert {n: (p.model, p.version) for n, p in checked.pinned.items()} == {
            n: (n, VERSION) for n in ("price", "strength", "cultivar")
        }
        assert checked.pinned["strength"].inputs == {"kind": "cultivar.class", "hue": "request.hue"}
        assert checked.pinned["strength"].numbers == ["hue"]

    def test_the_version_is_pinned_when_the_step_names_it(self, shop):
        before = shop.check(model("a", "yes-a", version=VERSION)).pinned["a"]
        shop.deploy("yes-a", classifier(["yes", "no"], number("hue", "cm")), version=NEWER)
        newer = model("b", "yes-a", inputs={"hue": "request.length"})
        after = shop.check(model("a", "yes-a", version=VERSION), newer)
        assert after.pinned["a"] == before
        assert after.pinned["b"].version == NEWER
        assert after.pinned["b"].signature != before.signature

    def test_the_unit_is_kept_when_a_model_answers_a_value(self, shop):
        pinned = shop.check(model("a", "cultivar"), model("b", "price")).pinned
        assert (pinned["a"].unit, pinned["b"].unit) == ("", "EUR")

    def test_a_renamed_column_is_wanted_when_an_input_is_mapped_to_it(self, shop):
        checked = shop.check(model("a", "yes-a", inputs={"hue": "request.hue (of the wine)"}))
        assert [column.name for column in checked.request] == ["hue (of the wine)"]

    @pytest.mark.parametrize("asked", ["rank", "good"])
    def test_it_fits_when_a_whole_number_or_a_bool_goes_into_a_float(self, shop, asked):
        shop.check(model("first", asked), model("b", "yes-a", inputs={"hue": "first.class"}))

    def test_null_is_taken_when_all_that_want_the_column_take_it(self, shop):
        shop.deploy("lax", regression("1", number("hue", nullable=True)))
        assert shop.check(model("a", "lax"), model("b", "lax")).request[0].nullable
        assert not shop.check(model("a", "lax"), model("b", "yes-a")).request[0].nullable
        assert not shop.check(model("b", "yes-a"), model("a", "lax")).request[0].nullable

    def test_every_aggregator_is_taken_when_its_members_suit_it(self, shop):
        scored = [{"model": m, "score": "probabilities.yes"} for m in ("yes-a", "yes-b")]
        for aggregate in ("mean", "weighted", "argmax", "median"):
            shop.check(group("g", aggregate, *scored, slow="go_on", wait_ms=200, quorum=1))
        for aggregate in ("all", "any", "vote", "quorum"):
            shop.check(group("g", aggregate, "yes-a", "bare"))

    def test_groups_are_read_when_a_step_stands_behind_them(self, shop):
        shop.deploy("after", regression("1", number("score"), text("word", categories=["x", "m1"])))
        scored = {"model": "yes-a", "score": "probabilities.yes"}
        labelled = [{**scored, "name": "a", "label": "x"}, {**scored, "name": "b", "label": "m1"}]
        shop.check(
            group("mean", "mean", scored, scored),
            group("top", "argmax", *labelled),
            model("after", "after", inputs={"score": "mean.value", "word": "top.class"}),
        )
        shop.check(
            group("both", "all", "yes-a", "bare"),
            model("b", "yes-a", inputs={"hue": "both.m0.probabilities.no"}),
        )

    def test_columns_are_read_when_a_lookup_gives_them(self, shop):
        checked = shop.check(
            lookup("maker", "request.maker", ("hue", "float"), ("city", "string")),
            model(
                "a", "yes-a", inputs={"hue": "maker.hue"}, when={"of": "maker.city", "equals": "x"}
            ),
        )
        assert checked.request == [EntityColumn(name="maker", dtype=Dtype.STRING)]
        assert list(checked.pinned) == ["a"]

    def test_a_key_is_a_whole_number_when_a_model_wants_it_as_one(self, shop):
        shop.deploy("by-id", regression("1", Field(name="maker", dtype=Dtype.INT)))
        steps = [lookup("data", "request.maker", ("hue", "float")), model("a", "by-id")]
        assert shop.check(*steps).request == [EntityColumn(name="maker", dtype=Dtype.INT)]

    @pytest.mark.parametrize(
        ("said", "dtype"),
        [
            ({"equals": "x"}, Dtype.STRING),
            ({"among": [True]}, Dtype.BOOL),
            ({"equals": 3}, Dtype.FLOAT),
            ({"above": 3, "below": 9.5}, Dtype.FLOAT),
        ],
    )
    def test_a_column_is_wanted_when_only_a_predicate_reads_it(self, shop, said, dtype):
        step = model("a", "yes-a", when={"of": "request.kind", **said})
        assert shop.check(step).request[1] == EntityColumn(name="kind", dtype=dtype)


class TestStructure:
    @pytest.mark.parametrize(
        "step",
        [
            {"name": "a"},
            {"preprocessor": "yes-a", **lookup("a", "request.k", ("x", "int"))},
            {**group("a", "all", "yes-a", "yes-b"), "model": "yes-a"},
        ],
    )
    def test_refused_when_a_step_is_not_exactly_one_thing(self, shop, step):
        assert "a is none of these: a model, a preprocessor" in shop.wrong(step)["steps[0]"]

    def test_refused_when_a_name_is_taken(self, shop):
        wrong = shop.wrong(model("a", "yes-a"), model("a", "yes-a"), model("request", "yes-a"))
        assert "twice" in wrong["steps[1].name"]
        assert "request" in wrong["steps[2].name"]
        wrong = shop.wrong(model("m1", "yes-a"), group("g", "all", "yes-a", "yes-b"))
        assert list(wrong) == ["steps[1].group.members[1].name"]

    def test_refused_when_a_reference_leads_nowhere(self, shop):
        both = group("both", "all", "yes-a", "yes-b")
        steps = [
            model("a", "yes-a", inputs={"hue": reference})
            for reference in ("tulip.value", "m1.class", "both", "both.m0", "both.m7.class")
        ]
        for index, step in enumerate(steps):
            step["name"] = f"s{index}"
        wrong = shop.wrong(*steps, both)
        assert wrong == {
            "steps[0].inputs.hue": "there is no step tulip",
            "steps[1].inputs.hue": "there is no step m1; a member is both.m1",
            "steps[2].inputs.hue": "says both, and not what of it: both.NAME",
            "steps[3].inputs.hue": wrong["steps[3].inputs.hue"],
            "steps[4].inputs.hue": wrong["steps[4].inputs.hue"],
        }
        assert (
            "both has no m0; it has m0.class, m0.probabilities.yes"
            in (wrong["steps[3].inputs.hue"])
        )

    def test_refused_with_the_path_when_steps_need_each_other(self, shop):
        inputs = [{"hue": f"{name}.probabilities.yes"} for name in "bca"]
        steps = [model(n, "yes-a", inputs=i) for n, i in zip("abc", inputs, strict=True)]
        assert shop.wrong(*steps) == {"steps[0]": "needs itself: a -> b -> c -> a"}

    def test_refused_when_a_step_needs_itself_or_waits_for_itself(self, shop):
        own = model("a", "yes-a", inputs={"hue": "a.probabilities.yes"})
        assert shop.wrong(own) == {"steps[0]": "needs itself: a -> a"}
        first = model("a", "yes-a", when={"of": "b.class", "equals": "yes"})
        second = lookup("b", "a.class", ("class", "string"))
        assert shop.wrong(first, second) == {"steps[0]": "needs itself: a -> b -> a"}

    def test_every_circle_is_named_when_there_are_two(self, shop):
        pairs = [("a", "b"), ("b", "a"), ("c", "d"), ("d", "c"), ("e", "a")]
        steps = [model(n, "yes-a", inputs={"hue": f"{o}.probabilities.no"}) for n, o in pairs]
        wrong = shop.wrong(*steps)
        assert wrong == {
            "steps[0]": "needs itself: a -> b -> a",
            "steps[2]": "needs itself: c -> d -> c",
        }

    def test_refused_when_the_output_names_no_step_or_one_twice(self, shop):
        wrong = shop.wrong(model("a", "yes-a"), output=["a", "tulip", "a"])
        assert list(wrong) == ["output[1]", "output[2]"]

    def test_refused_when_a_setting_belongs_to_another_kind_of_step(self, shop):
        step = {
            **group("g", "all", "yes-a", "yes-b"),
            "version": VERSION,
            "inputs": {"x": "request.y"},
        }
        assert list(shop.wrong(step)) == ["steps[0].version", "steps[0].inputs"]

    def test_refused_when_a_member_is_called_as_the_list_of_those_not_in(self, shop):
        members = [{"model": "yes-a", "name": "missing"}, "yes-b"]
        assert list(shop.wrong(group("g", "all", *members))) == ["steps[0].group.members[0].name"]

    def test_refused_when_a_lookup_has_a_column_twice(self, shop):
        wrong = shop.wrong(lookup("a", "request.k", ("x", "int"), ("x", "float")))
        assert wrong == {"steps[0].lookup.columns": "x is there twice"}


class TestModels:
    def test_refused_when_nothing_of_a_model_is_released(self, shop):
        wrong = shop.wrong(model("a", "tulip"), group("g", "all", "yes-a", "rose"))
        assert wrong == {
            "steps[0].model": "nothing of tulip is released",
            "steps[1].group.members[1].model": "nothing of rose is released",
        }

    def test_refused_when_no_server_runs_the_version(self, shop):
        wrong = shop.wrong(model("a", "yes-a", version=NEWER))
        assert VERSION in wrong["steps[0].version"]

    def test_fault_when_the_manifest_is_not_the_one_that_was_registered(self, shop):
        shop.objects.put(f"models/yes-a/{VERSION}/tr0/manifest.json", b"{}")
        with pytest.raises(ArtifactError, match="not the one"):
            shop.check(model("a", "yes-a"))

    def test_refused_when_the_model_has_no_such_input(self, shop):
        wrong = shop.wrong(model("a", "cultivar", inputs={"colour": "request.hue"}))
        assert wrong == {
            "steps[0].inputs.colour": "cultivar has no such input; it takes alcohol, hue"
        }


class TestFit:
    def test_refused_when_the_dtype_differs(self, shop):
        wrong = shop.wrong(CULTIVAR, model("b", "yes-a", inputs={"hue": "cultivar.class"}))
        assert wrong == {"steps[1].inputs.hue": "cultivar.class is string; hue is float"}

    def test_refused_when_a_float_goes_into_a_whole_number(self, shop):
        shop.deploy("whole", regression("1", Field(name="n", dtype=Dtype.INT, unit="%")))
        wrong = shop.wrong(CULTIVAR, STRENGTH, model("c", "whole", inputs={"n": "strength.value"}))
        assert wrong == {"steps[2].inputs.n": "strength.value is float; n is int"}

    def test_refused_when_the_unit_differs(self, shop):
        wrong = shop.wrong(
            CULTIVAR, STRENGTH, model("b", "yes-a", inputs={"hue": "strength.value"})
        )
        assert wrong == {"steps[2].inputs.hue": "strength.value is in %; hue is in 1"}

    def test_refused_when_a_class_is_none_of_the_categories(self, shop):
        shop.deploy("cultivar", classifier(["red", "rosé"], number("hue")), version=NEWER)
        wrong = shop.wrong(CULTIVAR, STRENGTH)
        assert "can be rosé" in wrong["steps[1].inputs.kind"]

    def test_refused_when_a_class_is_out_of_range(self, shop):
        shop.deploy("low", regression("1", number("rank", maximum=2)))
        wrong = shop.wrong(model("a", "rank"), model("b", "low", inputs={"rank": "a.class"}))
        assert "can be 3" in wrong["steps[1].inputs.rank"]

    def test_refused_when_what_may_be_null_goes_into_what_may_not(self, shop):
        step = lookup("maker", "request.maker", ("hue", "float"))
        step["lookup"]["columns"][0]["nullable"] = True
        wrong = shop.wrong(step, model("b", "yes-a", inputs={"hue": "maker.hue"}))
        assert wrong == {"steps[1].inputs.hue": "maker.hue may be null; hue may not"}

    def test_refused_when_the_answer_has_no_such_value(self, shop):
        wrong = shop.wrong(
            model("a", "bare"),
            CULTIVAR,
            model("b", "yes-a", inputs={"hue": "a.probabilities.yes"}),
            model("c", "yes-a", inputs={"hue": "cultivar.probabilities.blue"}),
        )
        assert wrong["steps[2].inputs.hue"] == "a has no probabilities.yes; it has class"
        assert "cultivar has no probabilities.blue" in wrong["steps[3].inputs.hue"]

    @pytest.mark.parametrize("other", [number("hue", "nm"), text("hue")])
    def test_refused_when_a_column_of_the_request_is_wanted_with_two_types(self, shop, other):
        shop.deploy("other", regression("1", other))
        wrong = shop.wrong(model("a", "yes-a"), model("b", "other"))
        assert list(wrong) == ["steps[1].inputs.hue"]
        assert "float in 1 by a" in wrong["steps[1].inputs.hue"]

    def test_refused_when_no_column_can_have_the_name(self, shop):
        wrong = shop.wrong(model("a", "yes-a", inputs={"hue": f"request.{'x' * 129}"}))
        assert list(wrong) == ["steps[0].inputs.hue"]

    @pytest.mark.parametrize("key", ["request.hue", "a.probabilities.yes"])
    def test_refused_when_a_key_is_no_key(self, shop, key):
        wrong = shop.wrong(model("a", "yes-a"), lookup("b", key, ("x", "int")))
        assert wrong == {"steps[1].lookup.key": "is float; a key is text or a whole number"}


class TestGroups:
    @pytest.mark.parametrize("aggregate", ["mean", "weighted", "argmax", "median"])
    def test_refused_when_a_score_is_missing_unknown_or_no_number(self, shop, aggregate):
        members = [
            "yes-a",
            {"model": "bare", "score": "value"},
            {"model": "bare", "score": "class"},
        ]
        wrong = shop.wrong(group("g", aggregate, *members))
        assert "is missing" in wrong["steps[0].group.members[0].score"]
        assert "bare has no value" in wrong["steps[0].group.members[1].score"]
        assert "class is string" in wrong["steps[0].group.members[2].score"]

    def test_refused_when_scores_are_in_several_units(self, shop):
        given = {"inputs": {"kind": "cultivar.class"}}
        members = [
            {"model": "strength", "score": "value", **given},
            {"model": "yes-a", "score": "probabilities.yes"},
        ]
        wrong = shop.wrong(CULTIVAR, group("g", "mean", *members))
        assert wrong == {"steps[1].group.members": "have scores in several units: % (m0), 1 (m1)"}

    @pytest.mark.parametrize("aggregate", ["vote", "quorum"])
    def test_refused_when_members_do_not_say_the_same_classes(self, shop, aggregate):
        shop.deploy("maybe", classifier(["yes", "no", "maybe"], number("hue")))
        shop.deploy("value", regression("1", number("hue")))
        wrong = shop.wrong(group("g", aggregate, "yes-a", "yes-b", "maybe", "value"))
        assert wrong == {
            "steps[0].group.members[2].model": "has other classes than m0",
            "steps[0].group.members[3].model": (
                f"value is no classifier; {aggregate} takes classes"
            ),
        }

    def test_refused_when_all_weights_are_nothing(self, shop):
        members = [{"model": "yes-a", "score": "probabilities.yes", "weight": 0}] * 2
        wrong = shop.wrong(group("g", "weighted", *members))
        assert wrong == {"steps[0].group.members": "have no weight but 0"}

    def test_refused_when_the_quorum_is_more_than_there_are(self, shop):
        wrong = shop.wrong(group("g", "vote", "yes-a", "yes-b", quorum=3))
        assert list(wrong) == ["steps[0].group.quorum"]

    def test_refused_when_going_on_has_no_time_or_time_has_no_going_on(self, shop):
        members = ("yes-a", "yes-b")
        assert list(shop.wrong(group("g", "vote", *members, slow="go_on"))) == [
            "steps[0].group.wait_ms"
        ]
        assert list(shop.wrong(group("g", "vote", *members, wait_ms=200))) == [
            "steps[0].group.wait_ms"
        ]

    def test_refused_when_a_setting_means_nothing_to_the_aggregator(self, shop):
        said = {"model": "yes-a", "score": "probabilities.yes", "label": "x", "weight": 2}
        wrong = shop.wrong(group("g", "vote", said, "yes-b"))
        assert [f.rpartition(".")[2] for f in wrong] == ["score", "label", "weight"]

    def test_nothing_is_read_of_any_when_members_differ(self, shop):
        shop.deploy("value", regression("1", number("hue")))
        wrong = shop.wrong(
            group("g", "any", "yes-a", "value"), model("b", "yes-a", inputs={"hue": "g.value"})
        )
        assert "nothing that all its members have" in wrong["steps[1].inputs.hue"]


class TestPredicates:
    @pytest.mark.parametrize(
        ("said", "field"),
        [
            ({}, ""),
            ({"equals": "blue"}, ".equals"),
            ({"equals": 1}, ".equals"),
            ({"among": ["red", "blue"]}, ".among[1]"),
            ({"among": []}, ".among"),
            ({"above": 1}, ".above"),
        ],
    )
    def test_refused_when_it_cannot_hold(self, shop, said, field):
        step = model("a", "yes-a", when={"of": "cultivar.class", **said})
        assert list(shop.wrong(CULTIVAR, step)) == [f"steps[1].when{field}"]

    def test_refused_when_nothing_is_between_the_bounds(self, shop):
        when = {"of": "cultivar.probabilities.red", "above": 0.6, "below": 0.6}
        assert list(shop.wrong(CULTIVAR, model("a", "yes-a", when=when))) == ["steps[1].when"]

    def test_refused_when_true_is_said_for_one(self, shop):
        step = model("b", "yes-a", when={"of": "a.class", "equals": True})
        assert list(shop.wrong(model("a", "rank"), step)) == ["steps[1].when.equals"]

    def test_the_models_type_counts_when_one_wants_the_column(self, shop):
        step = model("a", "yes-a", when={"of": "request.hue", "equals": "red"})
        assert shop.wrong(step) == {"steps[0].when.equals": "is no float"}


class TestDefaults:
    def failing(self, step: dict[str, Any], default: Any) -> dict[str, Any]:
        return {**step, "on_failure": "default", "default": default}

    def test_refused_when_it_is_missing_or_never_answered(self, shop):
        wrong = shop.wrong(
            model("a", "yes-a", on_failure="default"), model("b", "yes-a", default={"class": "no"})
        )
        assert list(wrong) == ["steps[0].default", "steps[1].default"]

    @pytest.mark.parametrize(
        "default", [{"class": "no"}, {"class": "no", "probabilities": {"yes": 0.25, "no": 0.75}}]
    )
    def test_taken_when_it_is_what_a_classifier_answers(self, shop, default):
        shop.check(self.failing(model("a", "yes-a"), default))

    @pytest.mark.parametrize(
        ("default", "fields"),
        [
            ({}, ["class"]),
            ({"class": "maybe"}, ["class"]),
            ({"class": None}, ["class"]),
            ({"class": "no", "probabilities": {"yes": 1.0}}, ["probabilities.no"]),
            ({"class": "no", "probabilities": {"yes": 1, "no": "0"}}, ["probabilities.no"]),
            ({"class": "no", "model_version": "1"}, ["model_version"]),
        ],
    )
    def test_refused_when_it_is_not_what_a_classifier_answers(self, shop, default, fields):
        wrong = shop.wrong(self.failing(model("a", "yes-a"), default))
        assert list(wrong) == [f"steps[0].default.{field}" for field in fields]

    def test_the_unit_is_the_models_when_a_value_has_one(self, shop):
        shop.check(CULTIVAR, self.failing(STRENGTH, {"value": 12, "unit": "%"}))
        wrong = shop.wrong(CULTIVAR, self.failing(STRENGTH, {"value": 12, "unit": "g"}))
        assert list(wrong) == ["steps[1].default.unit"]

    def test_every_column_is_there_when_a_lookup_has_one(self, shop):
        step = lookup("maker", "request.m", ("hue", "float"), ("a.b", "string"))
        shop.check(self.failing(step, {"hue": 1, "a.b": "x"}))
        wrong = shop.wrong(self.failing(step, {"hue": "1", "c": {"d": 1}}))
        assert list(wrong) == [f"steps[0].default.{f}" for f in ("hue", "c", "a.b")]

    def test_groups_have_the_form_of_their_aggregator_when_one_is_given(self, shop):
        scored = [{"model": "yes-a", "score": "probabilities.yes"}] * 2
        shop.check(self.failing(group("g", "mean", *scored), {"value": 0.5}))
        shop.check(self.failing(group("g", "argmax", *scored), {"class": "m1"}))
        both = {"m0": {"class": "no"}, "m1": {"class": "yes", "probabilities": {"yes": 1, "no": 0}}}
        shop.check(self.failing(group("g", "all", "yes-a", "yes-b"), both))
        wrong = shop.wrong(self.failing(group("g", "argmax", *scored), {"class": "m2"}))
        assert list(wrong) == ["steps[0].default.class"]
        wrong = shop.wrong(
            self.failing(group("g", "all", "yes-a", "yes-b"), {"m0": {"class": "no"}})
        )
        assert list(wrong) == ["steps[0].default.m1.class"]

    def test_refused_when_it_lacks_what_a_step_behind_it_reads(self, shop):
        wrong = shop.wrong(
            self.failing(model("a", "yes-a"), {"class": "no"}),
            model("b", "yes-b", inputs={"hue": "a.probabilities.yes"}),
        )
        assert list(wrong) == ["steps[0].default.probabilities.yes"]


class TestDeadlines:
    def test_refused_when_the_longest_path_is_longer_than_the_graphs(self, shop):
        steps = [
            model("a", "yes-a", deadline_ms=300),
            model("b", "yes-a", deadline_ms=500, inputs={"hue": "a.probabilities.yes"}),
            model("c", "yes-a", deadline_ms=750),
        ]
        assert shop.check(*steps, deadline_ms=800)
        assert shop.wrong(*steps, deadline_ms=799) == {
            "deadline_ms": "is less than a -> b may take: 800 ms"
        }

    def test_measured_times_count_when_no_deadline_is_said(self, shop):
        steps = [
            model("a", "yes-a"),
            model("b", "yes-b", inputs={"hue": "a.probabilities.yes"}),
        ]
        assert shop.check(*steps, deadline_ms=120)
        assert "a -> b" in shop.wrong(*steps, deadline_ms=119)["deadline_ms"]

    def test_refused_when_a_model_was_measured_slower(self, shop):
        assert shop.check(model("a", "yes-a", deadline_ms=40))
        wrong = shop.wrong(
            model("a", "yes-a", deadline_ms=39),
            group("g", "all", {"model": "yes-b", "deadline_ms": 79}, "yes-a"),
        )
        assert list(wrong) == ["steps[0].deadline_ms", "steps[1].group.members[0].deadline_ms"]
        assert "up to 40 ms" in wrong["steps[0].deadline_ms"]

    def test_only_those_count_that_have_to_be_in_when_a_group_goes_on(self, shop):
        late = {"slow": "go_on", "wait_ms": 60}
        members = ("yes-a", "yes-b")
        assert shop.check(group("g", "vote", *members, quorum=1, **late))
        assert shop.check(group("g", "any", *members, **late))
        wrong = shop.wrong(group("g", "vote", *members, **late))
        assert "up to 80 ms" in wrong["steps[0].group.wait_ms"]
        assert list(shop.wrong(group("g", "all", *members, deadline_ms=60))) == [
            "steps[0].deadline_ms"
        ]

    def test_refused_when_the_step_is_over_before_a_member_is_late(self, shop):
        step = group("g", "any", "yes-a", "yes-b", slow="go_on", wait_ms=200, deadline_ms=200)
        assert list(shop.wrong(step)) == ["steps[0].group.wait_ms"]


def test_all_is_told_at_once_when_much_is_wrong(shop):
    wrong = shop.wrong(
        model("a", "tulip"),
        model("b", "yes-a", deadline_ms=10, inputs={"hue": "cultivar.class"}),
        group("g", "mean", "yes-a", "yes-b", quorum=4),
        CULTIVAR,
        output=["nobody"],
    )
    assert set(wrong) == {
        "steps[0].model",
        "steps[1].deadline_ms",
        "steps[1].inputs.hue",
        "steps[2].group.quorum",
        "steps[2].group.members[0].score",
        "steps[2].group.members[1].score",
        "output[0]",
    }
