"""What registering finds wrong with pairs, with lookups of model servers, and with what follows."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from fakes.deployed import (
    a_pair,
    classifier,
    deploy,
    number,
    preprocessing,
    regression,
)
from fakes.object_store import MemoryObjectStore
from fakes.records import VERSION
from fakes.registry import MemoryRegistry
from msgspec.structs import replace
from servery.domain.entities import EntityColumn
from servery.domain.graph_records import GraphRecord
from servery.domain.graphs import GraphSpec
from servery.domain.manifest import Part
from servery.domain.signature import Dtype, Field
from servery.errors import InvalidSpecError, NotFoundError
from servery.usecases.graph.checking import Checked, check_graph
from servery.usecases.graph.models import Models

NEWER = "0.1.1-dabc1234.sdef5678"
NAMED = ["maximum", "trimmed_mean"]
FEATURES = ["pc1", "pc2"]


class Shop:
    def __init__(self) -> None:
        self.registry, self.objects = MemoryRegistry(), MemoryObjectStore()
        self.graphs: dict[str, GraphRecord] = {}
        self.pair("1")
        whole = regression("1", number("hue"), Field(name="rank", dtype=Dtype.INT))
        deploy(self.registry, self.objects, "whole", whole, p99_ms=20)
        yes = classifier(["yes", "no"], number("hue"))
        for name in ("yes-a", "yes-b"):
            deploy(self.registry, self.objects, name, yes)

    def pair(self, seed: str, version: str = VERSION) -> None:
        self.half(Part.PREPROCESSOR, seed, version)
        self.half(Part.PREDICTOR, seed, version)

    def half(self, part: Part, seed: str, version: str = VERSION) -> None:
        first = part is Part.PREPROCESSOR
        inputs = [number("hue"), number("size", "cm")]
        features = [number(name) for name in FEATURES]
        signature = (
            preprocessing(FEATURES, *inputs) if first else classifier(["yes", "no"], *features)
        )
        name, partner = ("scaler", "ranker") if first else ("ranker", "scaler")
        deploy(
            self.registry,
            self.objects,
            name,
            signature,
            version=version,
            p99_ms=30,
            pair=a_pair(part, partner, seed),
        )

    def graph_of(self, name: str) -> GraphRecord:
        if name not in self.graphs:
            raise NotFoundError("there is no such graph")
        return self.graphs[name]

    def check(self, *steps: dict[str, Any], **more: Any) -> Checked:
        spec = {"name": "wine", "owner": "cellar", "steps": list(steps), **more}
        models = Models(self.registry, self.objects)
        graph = msgspec.convert(spec, GraphSpec)
        return check_graph(graph, models, named=NAMED, graph_of=self.graph_of)

    def wrong(self, *steps: dict[str, Any], **more: Any) -> dict[str, str]:
        with pytest.raises(InvalidSpecError) as caught:
            self.check(*steps, **more)
        return {v.field: v.message for v in caught.value.violations}


@pytest.fixture
def shop() -> Shop:
    return Shop()


LINE = {"name": "rank", "preprocessor": "scaler", "model": "ranker"}
FIRST = {"name": "prepared", "preprocessor": "scaler"}
SECOND = {"name": "rank", "model": "ranker", "features": "prepared"}


class TestPairs:
    def test_inputs_are_those_of_the_preprocessor_when_a_pair_stands_in_a_line(self, shop):
        checked = shop.check({**LINE, "inputs": {"size": "request.length"}})
        assert [(c.name, c.unit) for c in checked.request] == [("hue", "1"), ("length", "cm")]
        first, second = checked.pinned["rank.preprocessor"], checked.pinned["rank"]
        assert (first.model, second.model) == ("scaler", "ranker")
        assert first.inputs == {"hue": "request.hue", "size": "request.length"}
        assert first.numbers == ["hue", "size"]
        assert second.inputs == {}

    def test_features_are_read_when_a_step_stands_behind_its_preprocessor(self, shop):
        behind = {"name": "b", "model": "yes-a", "inputs": {"hue": "prepared.features.pc1"}}
        checked = shop.check(FIRST, SECOND, behind)
        assert checked.pinned["rank"].inputs == {}
        wrong = shop.wrong(FIRST, {**behind, "inputs": {"hue": "prepared.features.pc9"}})
        assert "features.pc1, features.pc2" in wrong["steps[1].inputs.hue"]

    def test_the_preprocessor_is_the_output_when_nobody_takes_its_features(self, shop):
        assert shop.check(FIRST).pinned["prepared"].model == "scaler"

    def test_the_older_half_is_taken_when_only_the_preprocessor_is_released_yet(self, shop):
        shop.half(Part.PREPROCESSOR, "2", NEWER)
        for steps in ([LINE], [FIRST, SECOND]):
            pinned = shop.check(*steps).pinned
            first = pinned.get("rank.preprocessor") or pinned["prepared"]
            assert (first.version, pinned["rank"].version) == (VERSION, VERSION)

    def test_the_other_half_of_the_version_is_taken_when_the_step_names_it(self, shop):
        shop.pair("2", NEWER)
        for version in (VERSION, NEWER):
            pinned = shop.check({**LINE, "version": version}).pinned
            assert pinned["rank.preprocessor"].version == pinned["rank"].version == version

    @pytest.mark.parametrize("steps", [[LINE], [FIRST, SECOND]])
    def test_refused_when_they_were_not_trained_together(self, shop, steps):
        shop.half(Part.PREDICTOR, "2", NEWER)
        wrong = shop.wrong(*steps)
        told = f"scaler {VERSION} and ranker {NEWER} were not trained together"
        assert wrong[f"steps[{len(steps) - 1}].model"] == told

    def test_refused_when_two_pairs_take_the_features_of_one_step(self, shop):
        shop.pair("2", NEWER)
        other = {**SECOND, "name": "other", "version": VERSION}
        assert list(shop.wrong(FIRST, SECOND, other)) == ["steps[2].model"]

    @pytest.mark.parametrize(
        ("step", "field", "said"),
        [
            ({"name": "a", "model": "ranker"}, "model", "takes the features of scaler"),
            ({"name": "a", "model": "scaler"}, "model", "is a preprocessor; give it as"),
            ({"name": "a", "preprocessor": "whole"}, "preprocessor", "whole is no preprocessor"),
            ({"name": "a", "preprocessor": "ranker"}, "preprocessor", "ranker is no preprocessor"),
            ({**LINE, "model": "whole"}, "model", "takes no features: it is a whole model"),
            ({**LINE, "model": "scaler"}, "model", "takes no features: it is a preprocessor"),
            ({**FIRST, "version": VERSION}, "version", "follows from its predictor"),
            ({**LINE, "features": "rank"}, "features", "go into a model alone"),
            ({**LINE, "version": "9"}, "version", "no server runs that version"),
            ({**LINE, "preprocessor": "none"}, "preprocessor", "nothing of none is released"),
            ({**LINE, "deadline_ms": 50}, "deadline_ms", "scaler and ranker up to 60 ms"),
            (
                {**FIRST, "on_failure": "default", "default": {"features": {"pc1": 1, "pc2": 2}}},
                "on_failure",
                "is nothing for features",
            ),
        ],
    )
    def test_refused_when_a_half_stands_where_it_cannot(self, shop, step, field, said):
        assert said in shop.wrong(step)[f"steps[0].{field}"]

    @pytest.mark.parametrize(
        ("second", "field", "said"),
        [
            ({**SECOND, "features": "nobody"}, "features", "there is no step nobody"),
            ({**SECOND, "features": "rank"}, "features", "rank is no preprocessor"),
            ({**SECOND, "inputs": {"pc1": "request.x"}}, "inputs", "are the features, whole"),
            ({**SECOND, "model": "whole"}, "model", "takes no features"),
        ],
    )
    def test_refused_when_features_do_not_go_there(self, shop, second, field, said):
        assert said in shop.wrong(FIRST, second)[f"steps[1].{field}"]

    def test_refused_when_a_half_is_a_member(self, shop):
        members = [{"name": "m0", "model": "ranker"}, {"name": "m1", "model": "yes-a"}]
        wrong = shop.wrong({"name": "g", "group": {"aggregate": "all", "members": members}})
        said = "ranker is half of a pair with scaler; a group has whole models only"
        assert wrong["steps[0].group.members[0].model"] == said

    def test_the_longest_path_counts_both_when_a_pair_stands_in_a_line(self, shop):
        assert "60 ms" in shop.wrong(LINE, deadline_ms=59)["deadline_ms"]

    def test_the_shape_of_the_answer_is_the_predictors_when_a_pair_has_a_default(self, shop):
        shop.check(
            {
                **LINE,
                "on_failure": "default",
                "default": {"class": "no", "probabilities": {"yes": 0, "no": 1}},
            }
        )


def looking(*columns: dict[str, Any], **more: Any) -> dict[str, Any]:
    lookup = {"entity": "bottle", "key": "request.bottle", "columns": list(columns)}
    return {"name": "price", "model": "whole", "lookup": lookup, **more}


HUE, RANK = {"name": "hue", "dtype": "float"}, {"name": "rank", "dtype": "int"}


class TestLookingUp:
    def test_the_request_has_the_rest_when_the_server_looks_up_some(self, shop):
        checked = shop.check(looking(RANK))
        assert checked.pinned["price"].inputs == {"hue": "request.hue"}
        assert checked.request == [
            EntityColumn(name="hue", dtype=Dtype.FLOAT),
            EntityColumn(name="bottle", dtype=Dtype.STRING),
        ]

    def test_the_mapping_wins_when_a_column_is_mapped_too(self, shop):
        checked = shop.check(looking(HUE, RANK, inputs={"hue": "request.tint"}))
        assert checked.pinned["price"].inputs == {"hue": "request.tint"}

    @pytest.mark.parametrize(
        ("columns", "said"),
        [
            ([{**HUE, "unit": "cm"}], "hue is in cm; hue is in 1"),
            ([{**HUE, "dtype": "string"}], "hue is string"),
            ([{**HUE, "dtype": "bool"}], "hue is bool"),
            ([{**HUE, "nullable": True}], "hue may be null"),
            ([{"name": "age", "dtype": "int"}], "whole has no input age; it takes hue, rank"),
        ],
    )
    def test_refused_when_a_column_does_not_fit_the_model(self, shop, columns, said):
        assert said in shop.wrong(looking(*columns))["steps[0].lookup.columns"]

    def test_refused_when_the_model_is_half_of_a_pair(self, shop):
        wrong = shop.wrong(looking(HUE, model="ranker"))
        assert "takes the features of scaler" in wrong["steps[0].model"]


def group(**more: Any) -> dict[str, Any]:
    members = [
        {"name": f"m{i}", "model": model, "score": "probabilities.yes", **more.pop(f"m{i}", {})}
        for i, model in enumerate(("yes-a", "yes-b"))
    ]
    return {"name": "g", "group": {"aggregate": "named", "members": members, **more}}


class TestNamed:
    def test_its_value_is_read_when_it_is_in_the_allow_list(self, shop):
        behind = {"name": "b", "model": "yes-a", "inputs": {"hue": "g.value"}}
        shop.check(group(named="trimmed_mean", m0={"weight": 3}), behind)

    @pytest.mark.parametrize(
        ("changes", "field", "said"),
        [
            ({"named": "of_mine"}, "named", "it has maximum, trimmed_mean"),
            ({}, "named", "is missing"),
            ({"named": "maximum", "aggregate": "mean"}, "named", "is never used by mean"),
            ({"named": "maximum", "m0": {"score": ""}}, "members[0].score", "is missing"),
        ],
    )
    def test_refused_when_the_name_is_none_of_the_list(self, shop, changes, field, said):
        assert said in shop.wrong(group(**changes))[f"steps[0].group.{field}"]


class TestFollowing:
    def follow(self, shop, then, **more):
        shop.graphs["careful"] = GraphRecord(
            spec=msgspec.convert(
                {"name": "careful", "owner": "o", "steps": [{"name": "a", "model": "yes-a"}]},
                GraphSpec,
            ),
            revision=1,
            registered="",
            request=more.get("request", [EntityColumn(name="hue", dtype=Dtype.FLOAT)]),
        )
        return group(named="maximum", m1={"then": then})

    def test_it_is_taken_when_the_next_graph_can_be_asked_about_the_rows(self, shop):
        when = {"of": "probabilities.yes", "above": 0.9}
        shop.check(self.follow(shop, {"graph": "careful", "when": when}))

    def test_refused_when_it_would_set_itself_going(self, shop):
        wrong = shop.wrong(self.follow(shop, {"graph": "wine"}))
        assert "wine -> wine" in wrong["steps[0].group.members[1].then.graph"]

    def test_refused_when_the_next_graphs_lead_back(self, shop):
        asked = self.follow(shop, {"graph": "first"})
        for name, behind in (("first", "second"), ("second", "wine")):
            step = group(named="maximum", m1={"then": {"graph": behind}})
            declared = {"name": name, "owner": "o", "steps": [step]}
            shop.graphs[name] = replace(
                shop.graphs["careful"], spec=msgspec.convert(declared, GraphSpec)
            )
        wrong = shop.wrong(asked)
        assert "wine -> first -> second -> wine" in wrong["steps[0].group.members[1].then.graph"]
        del shop.graphs["second"]
        shop.check(asked)

    @pytest.mark.parametrize(
        ("then", "field", "said"),
        [
            ({"graph": "nowhere"}, ".graph", "there is no graph nowhere"),
            (
                {"graph": "careful", "when": {"of": "value", "above": 1}},
                ".when.of",
                "m1 has no value; it has class, probabilities.yes",
            ),
            (
                {"graph": "careful", "when": {"of": "class", "equals": "maybe"}},
                ".when.equals",
                "is none of yes, no",
            ),
        ],
    )
    def test_refused_when_it_leads_nowhere(self, shop, then, field, said):
        wrong = shop.wrong(self.follow(shop, then))
        assert said in wrong[f"steps[0].group.members[1].then{field}"]

    @pytest.mark.parametrize(
        ("column", "said"),
        [
            (EntityColumn(name="size", dtype=Dtype.FLOAT), "the column size"),
            (EntityColumn(name="hue", dtype=Dtype.STRING), "hue as string in 1"),
            (EntityColumn(name="hue", dtype=Dtype.FLOAT, unit="cm"), "here it is float in 1"),
        ],
    )
    def test_refused_when_the_next_graph_wants_other_columns(self, shop, column, said):
        wrong = shop.wrong(self.follow(shop, {"graph": "careful"}, request=[column]))
        assert said in wrong["steps[0].group.members[1].then.graph"]

    def test_refused_when_the_group_is_not_the_whole_graph(self, shop):
        wrong = shop.wrong(self.follow(shop, {"graph": "careful"}), {"name": "b", "model": "yes-a"})
        assert "never happens" in wrong["steps[0].group.members[1].then"]
