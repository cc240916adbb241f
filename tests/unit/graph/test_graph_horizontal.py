"""Models side by side: how their answers become one, and what a slow or dead member does."""

from __future__ import annotations

import pytest
from fakes.graph_plant import Plant, classes, states, values
from msgspec.structs import replace
from servery.errors import DeadlineExceededError, UnavailableError
from servery.usecases.graph.asking import GraphAsk


@pytest.fixture
def plant():
    return Plant()


def side_by_side(plant, aggregate, answers, members=None, step=None, **group):
    """A group `all` with a member m0, m1, ... for each answer."""
    for index, answer in enumerate(answers):
        plant.model(f"model-{index}", answer)
    declared = [
        {"name": f"m{index}", "model": f"model-{index}", **(members or {})}
        for index in range(len(answers))
    ]
    plant.graph(
        {
            "steps": [
                {
                    "name": "team",
                    "group": {"members": declared, "aggregate": aggregate, **group},
                    **(step or {}),
                }
            ]
        },
        {},
        "x:float",
    )


def down(rows):
    return UnavailableError("away")


def numbers(*given):
    return [values(lambda row, n=n: n) for n in given]


SCORED = {"score": "value"}


def test_every_member_is_asked_at_the_same_time_when_they_are_a_group(plant):
    side_by_side(plant, "all", numbers(*range(8)))
    before = plant.crew.seconds
    status, body = plant.ask({"x": 1.0})
    assert status == 200
    assert [body["predictions"][0][f"m{i}"]["value"] for i in range(8)] == list(range(8))
    assert plant.crew.seconds - before == pytest.approx(0.05)
    assert plant.crew.most == 8


@pytest.mark.parametrize(
    ("aggregate", "value"), [("mean", 4.0), ("median", 3.0), ("weighted", 5.75)]
)
def test_scores_become_one_value(plant, aggregate, value):
    side_by_side(plant, aggregate, numbers(1, 3, 8), SCORED)
    members = plant.records["g"].spec.steps[0].group.members
    heavy = type(members[2])(name="m2", model="model-2", score="value", weight=2.0)
    light = type(members[0])(name="m0", model="model-0", score="value", weight=0.0)
    middle = type(members[1])(name="m1", model="model-1", score="value", weight=1.0)
    if aggregate == "weighted":
        value = (3 + 2 * 8) / 3
        members[:] = [light, middle, heavy]
    _, body = plant.ask({"x": 1.0})
    assert body["predictions"] == [
        {"value": pytest.approx(value), "scores": {"m0": 1.0, "m1": 3.0, "m2": 8.0}}
    ]


def test_label_of_the_highest_score_wins_when_it_is_argmax(plant):
    answers = [classes("yes", yes=p, no=1 - p) for p in (0.2, 0.9, 0.4)]
    side_by_side(plant, "argmax", answers, {"score": "probabilities.yes"})
    _, body = plant.ask({"x": 1.0})
    assert body["predictions"] == [{"class": "m1", "scores": {"m0": 0.2, "m1": 0.9, "m2": 0.4}}]


def test_highest_score_wins_when_members_share_a_label(plant):
    side_by_side(plant, "argmax", numbers(9, 1, 5), SCORED)
    first, second, third = plant.records["g"].spec.steps[0].group.members
    shared = [replace(member, label="x") for member in (first, second)]
    plant.records["g"].spec.steps[0].group.members[:] = [*shared, replace(third, label="y")]
    _, body = plant.ask({"x": 1.0})
    assert body["predictions"] == [{"class": "x", "scores": {"x": 9.0, "y": 5.0}}]


def test_majority_wins_and_ties_go_by_order_when_it_is_a_vote(plant):
    side_by_side(plant, "vote", [classes("b", "c"), classes("a"), classes("a", "b")])
    _, body = plant.ask({"x": 1.0}, {"x": 2.0})
    assert body["predictions"] == [
        {"class": "a", "votes": {"b": 1, "a": 2}},
        {"class": "c", "votes": {"c": 1, "a": 1, "b": 1}},
    ]


class TestQuorum:
    def test_class_is_answered_when_enough_agree(self, plant):
        side_by_side(plant, "quorum", [classes("b"), classes("a"), classes("a")], quorum=2)
        assert plant.ask({"x": 1.0})[1]["predictions"][0]["class"] == "a"

    def test_502_when_too_few_agree(self, plant):
        side_by_side(plant, "quorum", [classes("b"), classes("a"), classes("c")], quorum=2)
        status, body = plant.ask({"x": 1.0})
        assert (status, body["hop"]) == (502, "team")

    def test_default_only_for_the_rows_without_agreement_when_there_is_one(self, plant):
        side_by_side(
            plant,
            "quorum",
            [classes("b"), classes("a", "b"), classes("c", "b")],
            quorum=2,
            step={"on_failure": "default", "default": {"class": "unknown"}},
        )
        status, body = plant.ask({"x": 1.0}, {"x": 2.0})
        assert (status, body["degraded"]) == (200, True)
        assert [p["class"] for p in body["predictions"]] == ["unknown", "b"]


class TestDown:
    def test_group_fails_and_names_itself_when_all_members_have_to_be_in(self, plant):
        side_by_side(plant, "mean", [*numbers(1, 2), down], SCORED)
        status, body = plant.ask({"x": 1.0})
        assert (status, body["hop"]) == (503, "team")
        assert states(body) == {
            "team": "failed",
            "team.m0": "ok",
            "team.m1": "ok",
            "team.m2": "failed",
        }

    def test_missing_member_is_named_when_the_quorum_is_in(self, plant):
        side_by_side(plant, "mean", [*numbers(1, 2), down], SCORED, quorum=2)
        status, body = plant.ask({"x": 1.0})
        assert status == 200
        assert body["predictions"] == [
            {"value": 1.5, "scores": {"m0": 1.0, "m1": 2.0}, "missing": ["m2"]}
        ]

    def test_nobody_waits_for_the_rest_when_the_quorum_cannot_be_reached(self, plant):
        side_by_side(plant, "mean", [*numbers(1, 2), down], SCORED)
        plant.models["model-0"].seconds = 3
        before = plant.crew.seconds
        status, body = plant.ask({"x": 1.0})
        assert status == 503
        assert plant.crew.seconds - before == pytest.approx(0.05)
        assert states(body)["team.m0"] == "late"

    def test_garbage_counts_as_down_when_a_member_answers_it(self, plant):
        side_by_side(plant, "vote", [classes("a"), classes("a"), lambda rows: b"?"], quorum=2)
        status, body = plant.ask({"x": 1.0})
        assert status == 200
        assert body["predictions"][0]["missing"] == ["m2"]
        assert states(body)["team.m2"] == "failed"

    def test_score_that_is_not_there_is_garbage(self, plant):
        side_by_side(plant, "mean", numbers(1, 2), {"score": "probabilities.yes"})
        status, body = plant.ask({"x": 1.0})
        assert (status, body["hop"]) == (502, "team")
        assert "probabilities.yes is missing" in body["detail"]

    @pytest.mark.parametrize("score", ["class", "probabilities"])
    def test_502_when_a_score_is_no_number(self, plant, score):
        side_by_side(plant, "mean", [classes("a", yes=1.0)] * 2, {"score": score})
        status, body = plant.ask({"x": 1.0})
        assert (status, body["hop"]) == (502, "team")


class TestSlow:
    def test_group_goes_on_after_its_patience_when_enough_are_in(self, plant):
        side_by_side(plant, "mean", numbers(1, 2, 9), SCORED, quorum=2, slow="go_on", wait_ms=100)
        plant.models["model-2"].seconds = 5
        before = plant.crew.seconds
        status, body = plant.ask({"x": 1.0})
        assert status == 200
        assert plant.crew.seconds - before == pytest.approx(0.1)
        assert body["predictions"][0] == {
            "value": 1.5,
            "scores": {"m0": 1.0, "m1": 2.0},
            "missing": ["m2"],
        }
        assert states(body)["team.m2"] == "late"

    def test_group_goes_on_as_soon_as_enough_are_in_when_its_patience_is_over(self, plant):
        side_by_side(plant, "mean", numbers(1, 2, 9), SCORED, quorum=2, slow="go_on", wait_ms=100)
        plant.models["model-1"].seconds = 0.3
        plant.models["model-2"].seconds = 5
        before = plant.crew.seconds
        assert plant.ask({"x": 1.0})[0] == 200
        assert plant.crew.seconds - before == pytest.approx(0.3)

    def test_group_waits_when_it_is_told_to(self, plant):
        side_by_side(plant, "mean", numbers(1, 2, 9), SCORED, quorum=2)
        plant.models["model-2"].seconds = 2
        before = plant.crew.seconds
        _, body = plant.ask({"x": 1.0})
        assert plant.crew.seconds - before == pytest.approx(2)
        assert body["predictions"][0]["value"] == 4.0

    def test_member_is_given_up_at_its_own_deadline_when_it_has_one(self, plant):
        side_by_side(plant, "all", numbers(1, 2), {"deadline_ms": 80}, quorum=1)
        plant.models["model-1"].seconds = 2
        status, body = plant.ask({"x": 1.0})
        assert status == 200
        assert plant.timeouts["model-1"] == [pytest.approx(0.08)]
        assert states(body)["team.m1"] == "late"
        assert body["predictions"][0]["missing"] == ["m1"]

    def test_504_when_too_few_are_in_at_the_deadline(self, plant):
        side_by_side(plant, "all", numbers(1, 2), step={"deadline_ms": 100})
        plant.models["model-1"].seconds = 2
        before = plant.crew.seconds
        status, body = plant.ask({"x": 1.0})
        assert (status, body["hop"]) == (504, "team")
        assert plant.crew.seconds - before == pytest.approx(0.1)

    def test_less_is_left_when_the_caller_has_waited_already(self, plant):
        side_by_side(plant, "all", numbers(1, 2))
        plant.models["model-1"].seconds = 60
        asker = plant.asker()
        asked = GraphAsk(
            records=[{"x": 1.0}], id=None, steps=False, request_id="r", seconds=28, spent=9.0
        )
        before = plant.crew.seconds
        outcome = asker.ask(asker.find("g"), asked)
        assert isinstance(outcome.error, DeadlineExceededError)
        assert plant.crew.seconds - before == pytest.approx(1.0), "of the ten of the graph"


class TestAny:
    def test_first_declared_answers_and_nobody_waits_for_the_others(self, plant):
        side_by_side(plant, "any", numbers(1, 2))
        plant.models["model-1"].seconds = 3
        before = plant.crew.seconds
        _, body = plant.ask({"x": 1.0})
        assert plant.crew.seconds - before == pytest.approx(0.05)
        assert body["predictions"][0]["value"] == 1
        assert "missing" not in body["predictions"][0]

    def test_next_one_answers_when_the_first_is_down(self, plant):
        side_by_side(plant, "any", [down, *numbers(2)])
        status, body = plant.ask({"x": 1.0})
        assert (status, body["predictions"][0]["value"]) == (200, 2)
        assert body["predictions"][0]["missing"] == ["m0"]

    def test_next_one_answers_when_the_first_is_slow(self, plant):
        side_by_side(plant, "any", numbers(1, 2), slow="go_on", wait_ms=100)
        plant.models["model-0"].seconds = 3
        before = plant.crew.seconds
        _, body = plant.ask({"x": 1.0})
        assert plant.crew.seconds - before == pytest.approx(0.1)
        assert body["predictions"][0]["value"] == 2

    def test_503_when_all_are_down(self, plant):
        side_by_side(plant, "any", [down, down])
        status, body = plant.ask({"x": 1.0})
        assert (status, body["hop"]) == (503, "team")


def test_degraded_when_another_version_stood_in_for_a_member(plant):
    side_by_side(plant, "mean", numbers(1, 2), SCORED)
    plant.models["model-1"].degraded = True
    assert plant.ask({"x": 1.0})[1]["degraded"] is True


def test_member_answers_are_read_by_a_later_step_when_all_of_them_are_kept(plant):
    side_by_side(plant, "all", numbers(1, 2))
    group = plant.records["g"].spec.steps[0]
    plant.model("sums", values(lambda row: row["a"] + row["b"]))
    inputs = {"a": "team.m0.value", "b": "team.m1.value"}
    plant.graph(
        {
            "steps": [
                {
                    "name": "team",
                    "group": {
                        "members": [
                            {"name": m.name, "model": m.model} for m in group.group.members
                        ],
                        "aggregate": "all",
                    },
                },
                {"name": "sum", "model": "sums", "inputs": inputs},
            ]
        },
        {"sum": inputs},
        "x:float",
    )
    assert plant.ask({"x": 1.0})[1]["predictions"][0]["value"] == 3
