"""Halves of a pair are released one after the other, and never one without the other."""

from __future__ import annotations

from contextlib import suppress

import pytest
from fakes.crashes import Crash, crash_at
from fakes.pairs import PREDICTOR, PREPROCESSOR, production_of, register_pair, version_of
from fakes.release_room import Room
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from servery.domain.manifest import Part
from servery.domain.release_order import answers_for, current
from servery.domain.release_records import ReleaseKind, ReleaseState
from servery.domain.serving import Mode
from servery.errors import ConflictError, NotFoundError, ReleaseOrderError, UnavailableError
from servery.usecases.registry.returning import RollBackRequest, return_to_last_good


class Pairs(Room):
    """A room in which pairs are registered."""

    def add(self, number, **serving):
        return register_pair(self.registry, self.objects, number, **serving)

    def half(self, model, number, **request):
        return self.release(model=model, version=version_of(number), training="tr0", **request)

    def both(self, number, **request):
        for model in (PREPROCESSOR, PREDICTOR):
            record = self.half(model, number, **request)
            assert record.state is ReleaseState.SUCCEEDED, record.reason

    def back(self, model):
        return return_to_last_good(
            model,
            RollBackRequest(),
            registry=self.registry,
            servers=self.servers,
            clock=self.clock,
            entropy=self.entropy,
        )

    def served(self, model):
        deployment = self.registry.deployment(model)
        there = [deployment.champion, deployment.last_good]
        return [served.ref.version for served in there if served is not None]


@pytest.fixture
def pairs():
    made = Pairs()
    for number in range(1, 5):
        made.add(number)
    return made


def test_each_half_has_a_server_of_its_own_function_when_both_are_released(pairs):
    pairs.both(1)
    halves = [pairs.registry.deployment(model).champion for model in (PREPROCESSOR, PREDICTOR)]
    assert [half.server.function for half in halves] == ["preprocessor:1", "predictor:2"]
    assert [half.ref.part for half in halves] == [Part.PREPROCESSOR, Part.PREDICTOR]
    assert [half.partner for half in halves] == [PREDICTOR, PREPROCESSOR]
    assert halves[0].ref.pair == halves[1].ref.pair != ""
    assert [half.ref.version for half in halves] == [production_of(1)] * 2
    assert pairs.registry.leases == {}


def test_only_the_predictor_is_held_against_the_champion_when_a_pair_follows_a_pair(pairs):
    pairs.both(1)
    halves = [pairs.half(model, 2) for model in (PREPROCESSOR, PREDICTOR)]
    nothing = "a preprocessor predicts nothing that could be scored"
    told = [any(nothing in finding.said for finding in half.findings) for half in halves]
    assert told == [True, False]


def test_predictor_is_refused_when_nobody_serves_its_preprocessor(pairs):
    with pytest.raises(ReleaseOrderError) as refused:
        pairs.half(PREDICTOR, 2)
    half = f"{PREPROCESSOR} {version_of(2)} tr0"
    assert str(refused.value) == (
        f"{PREDICTOR} {version_of(2)} takes the features of {half}, which nobody serves; "
        f"release {half} first"
    )
    assert refused.value.first == {
        "kind": "release",
        "model": PREPROCESSOR,
        "version": version_of(2),
        "training": "tr0",
    }
    assert pairs.registry.releases(PREDICTOR) == []
    assert pairs.registry.leases == {}


def test_predictor_is_refused_when_only_the_preprocessor_of_another_training_is_served(pairs):
    pairs.half(PREPROCESSOR, 1)
    with pytest.raises(ReleaseOrderError, match=rf"release {PREPROCESSOR} {version_of(2)} tr0"):
        pairs.half(PREDICTOR, 2)


def test_predictor_is_refused_for_good_when_its_preprocessor_is_not_registered(pairs):
    ref = pairs.registry.trainings(PREDICTOR, version_of(1))[0].ref
    del pairs.registry._trainings[PREPROCESSOR, version_of(1), ref.training]
    with pytest.raises(ReleaseOrderError, match="not registered; train both again") as refused:
        pairs.half(PREDICTOR, 1)
    assert refused.value.first == {}


def test_newest_predictor_is_the_one_that_is_looked_at_when_none_is_named(pairs):
    with pytest.raises(ReleaseOrderError, match=version_of(4)):
        pairs.release(model=PREDICTOR)


def test_training_of_the_same_files_will_do_when_it_is_another(pairs):
    pairs.half(PREPROCESSOR, 1)
    register_pair(pairs.registry, pairs.objects, 1, training="tr1")
    record = pairs.release(model=PREDICTOR, version=version_of(1), training="tr1")
    assert record.state is ReleaseState.SUCCEEDED


def test_champion_has_its_half_all_the_time_when_the_next_pair_is_released(pairs):
    def together():
        champion = pairs.registry.deployment(PREDICTOR).champion
        half = pairs.registry.deployment(PREPROCESSOR).paired(champion.ref.pair)
        return champion.ref.version == half.ref.version

    pairs.both(1)
    for number in (2, 3, 4):
        pairs.half(PREPROCESSOR, number)
        assert together()
        pairs.half(PREDICTOR, number)
        assert together()


def test_preprocessor_is_refused_when_the_champion_would_lose_its_half(pairs):
    pairs.both(1)
    pairs.half(PREPROCESSOR, 2)
    with pytest.raises(ReleaseOrderError) as refused:
        pairs.half(PREPROCESSOR, 3)
    assert f"{PREDICTOR} {production_of(1)} takes the features" in str(refused.value)
    assert f"{PREPROCESSOR} {production_of(1)}, which nobody would serve" in str(refused.value)
    assert refused.value.first == {"kind": "roll_back", "model": PREPROCESSOR}
    assert pairs.served(PREPROCESSOR) == [production_of(2), production_of(1)]


def test_next_preprocessor_is_released_when_the_needed_one_is_champion_again(pairs):
    pairs.both(1)
    pairs.half(PREPROCESSOR, 2)
    pairs.back(PREPROCESSOR)
    pairs.both(3)
    assert pairs.served(PREPROCESSOR) == [production_of(3), production_of(1)]
    assert pairs.served(PREDICTOR) == [production_of(3, 2), production_of(1)]


def test_next_preprocessor_is_released_when_the_predictor_has_followed(pairs):
    pairs.both(1)
    pairs.half(PREPROCESSOR, 2)
    pairs.half(PREDICTOR, 2)
    pairs.both(3)
    assert pairs.served(PREPROCESSOR) == [production_of(3), production_of(2)]


def test_same_preprocessor_is_released_again_when_its_last_good_one_is_needed(pairs):
    pairs.both(1)
    pairs.half(PREPROCESSOR, 2)
    assert pairs.half(PREPROCESSOR, 2).state is ReleaseState.SUCCEEDED
    assert pairs.half(PREPROCESSOR, 2, mode=Mode.IMAGE).state is ReleaseState.SUCCEEDED
    assert pairs.half(PREPROCESSOR, 1).state is ReleaseState.SUCCEEDED
    assert pairs.served(PREPROCESSOR) == [production_of(1), production_of(2)]


def test_preprocessor_may_go_when_the_predictor_has_become_a_whole_model(pairs):
    pairs.both(1)
    pairs.half(PREPROCESSOR, 2)
    pairs.register("0.9.9-dabc1234.sdef5678", created="2026-04-01T00:00:00+00:00")
    assert pairs.release(model=PREDICTOR).state is ReleaseState.SUCCEEDED
    assert pairs.half(PREPROCESSOR, 3).state is ReleaseState.SUCCEEDED


def test_predictor_is_rolled_back_when_its_half_is_the_last_good_one(pairs):
    pairs.both(1)
    pairs.both(2)
    pairs.back(PREDICTOR)
    assert pairs.served(PREDICTOR) == [production_of(1), production_of(2)]
    assert pairs.registry.leases == {}


def test_predictor_is_not_rolled_back_when_its_half_is_gone(pairs):
    for number in (1, 2):
        pairs.both(number)
    pairs.half(PREPROCESSOR, 3)
    asked = len(pairs.servers.asked)
    with pytest.raises(ReleaseOrderError, match=rf"release {PREPROCESSOR} {version_of(1)} tr0"):
        pairs.back(PREDICTOR)
    assert pairs.served(PREDICTOR) == [production_of(2), production_of(1)]
    assert len(pairs.servers.asked) == asked
    assert pairs.registry.leases == {}


def test_no_predictor_loses_its_half_when_a_preprocessor_is_rolled_back(pairs):
    pairs.both(1)
    pairs.both(2)
    pairs.back(PREPROCESSOR)
    assert sorted(pairs.served(PREPROCESSOR)) == [production_of(1), production_of(2)]


def replace_preprocessor(pairs, number):
    """Somebody serves no other preprocessor than one, whatever is under way."""
    deployment = pairs.registry.deployment(PREPROCESSOR)
    ref = pairs.registry.trainings(PREPROCESSOR, version_of(number))[0].ref
    champion = replace(deployment.champion, ref=ref)
    changed = replace(
        deployment, revision=deployment.revision + 1, champion=champion, last_good=None
    )
    pairs.registry.put_deployment(changed)


def test_predictor_is_not_released_when_its_half_goes_while_it_is_made(pairs):
    pairs.half(PREPROCESSOR, 1)
    well = pairs.servers.answer

    def meanwhile(event):
        replace_preprocessor(pairs, 2)
        return well(event)

    pairs.servers.answer = meanwhile
    record = pairs.half(PREDICTOR, 1)
    assert record.state is ReleaseState.REFUSED
    assert f"release {PREPROCESSOR} {version_of(1)} tr0 first" in record.reason
    assert list(pairs.publisher.published) == ["preprocessor:1"]
    with pytest.raises(Exception, match="nothing"):
        pairs.registry.deployment(PREDICTOR)
    assert pairs.registry.leases == {}


def test_predictor_is_not_rolled_back_when_its_half_goes_while_it_is_asked(pairs):
    pairs.both(1)
    pairs.both(2)
    well = pairs.servers.answer

    def meanwhile(event):
        replace_preprocessor(pairs, 2)
        return well(event)

    pairs.servers.answer = meanwhile
    with pytest.raises(ReleaseOrderError):
        pairs.back(PREDICTOR)
    assert pairs.served(PREDICTOR)[0] == production_of(2)


def test_halves_are_written_one_after_the_other_when_both_change_at_once(pairs):
    pairs.half(PREPROCESSOR, 1)
    lease = f"pair/{PREPROCESSOR}"
    pairs.registry.take_lease(lease, "another", seconds=20)
    assert pairs.half(PREDICTOR, 1).state is ReleaseState.SUCCEEDED
    pairs.registry.take_lease(lease, "another", seconds=500)
    record = pairs.ask(PREPROCESSOR, version=version_of(2))
    with pytest.raises(UnavailableError, match="another"):
        pairs.run(record)
    assert pairs.served(PREPROCESSOR) == [production_of(1)]


CALLS = [
    ("publisher", "publish"),
    ("publisher", "settle"),
    ("servers", "call"),
    ("registry", "add_version"),
    ("registry", "put_deployment"),
    ("publisher", "sweep"),
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("port", "name"), CALLS, ids=[name for _, name in CALLS])
@pytest.mark.parametrize("killed", [PREPROCESSOR, PREDICTOR])
def test_pair_is_released_when_one_half_was_killed_and_is_run_again(
    pairs, monkeypatch, killed, port, name, after
):
    pairs.both(1)
    for model in (PREPROCESSOR, PREDICTOR):
        record = pairs.ask(model, version=version_of(2), mode=Mode.IMAGE)
        if model == killed:
            crash_at(monkeypatch, getattr(pairs, port), name, after=after)
            with pytest.raises(Crash):
                pairs.run(record)
            champion = pairs.registry.deployment(PREDICTOR).champion
            assert pairs.registry.deployment(PREPROCESSOR).paired(champion.ref.pair)
        assert pairs.run(record).state is ReleaseState.SUCCEEDED
    for model in (PREPROCESSOR, PREDICTOR):
        assert pairs.served(model) == [production_of(2), production_of(1)]
    assert pairs.registry.leases == {}


def test_halves_move_onto_their_own_code_when_they_are_rolled(pairs):
    pairs.both(1)
    pairs.publisher.deployed = "code-2"
    for model in (PREPROCESSOR, PREDICTOR):
        pairs.run(pairs.ask(model, kind=ReleaseKind.ROLL))
    servers = [pairs.registry.deployment(m).champion.server for m in (PREPROCESSOR, PREDICTOR)]
    assert [s.code for s in servers] == ["code-2-onnx-preprocessor", "code-2-onnx"]
    assert [s.function.partition(":")[0] for s in servers] == ["preprocessor", "predictor"]


def test_server_of_the_other_function_is_not_taken_when_a_model_becomes_a_preprocessor(pairs):
    pairs.publisher.code = lambda runtime, part=None: "code-1"
    pairs.half(PREPROCESSOR, 1)
    half = pairs.registry.deployment(PREPROCESSOR).champion
    whole = replace(
        half,
        ref=replace(half.ref, part=None, pair=""),
        server=replace(half.server, function="predictor:9"),
        partner="",
    )
    pairs.registry.put_deployment(
        replace(pairs.registry.deployment(PREPROCESSOR), revision=2, champion=whole)
    )
    pairs.half(PREPROCESSOR, 2)
    champion = pairs.registry.deployment(PREPROCESSOR).champion
    assert champion.server.function == "preprocessor:2"


def test_features_of_personal_data_are_not_logged_when_a_preprocessor_is_released(pairs):
    pairs.both(1)
    assert pairs.registry.deployment(PREPROCESSOR).champion.unlogged == ["input", "output"]
    assert pairs.registry.deployment(PREDICTOR).champion.unlogged == ["input"]


class TestSecondStage:
    @pytest.fixture
    def room(self):
        return Pairs()

    def test_it_is_in_the_deployment_of_the_predictor_alone_when_a_pair_has_one(self, room):
        room.add(1, second_stage="iris-heavy")
        room.both(1)
        assert room.registry.deployment(PREDICTOR).second_stage == "iris-heavy"
        assert room.registry.deployment(PREPROCESSOR).second_stage == ""

    def test_it_is_gone_when_the_next_spec_has_none(self, room):
        room.add(1, second_stage="iris-heavy")
        room.both(1)
        room.add(2)
        room.both(2)
        assert room.registry.deployment(PREDICTOR).second_stage == ""

    @pytest.mark.parametrize("second", [PREDICTOR, PREPROCESSOR])
    def test_release_fails_when_it_is_the_model_itself_or_half_of_it(self, room, second):
        room.add(1, second_stage=second)
        room.half(PREPROCESSOR, 1)
        record = room.half(PREDICTOR, 1)
        assert record.state is ReleaseState.REFUSED
        assert f"serving.second_stage of {PREDICTOR} is {second}" in record.reason
        assert list(room.publisher.published) == ["preprocessor:1"]


CHANGES = st.tuples(
    st.sampled_from([PREPROCESSOR, PREDICTOR]),
    st.sampled_from([0, 1, 2, 3, 4]),  # 0 rolls back
    st.sampled_from(["", "publish", "put_deployment"]),
)


@pytest.mark.slow
@given(st.lists(CHANGES, max_size=14))
@settings(max_examples=150, deadline=None)
def test_champion_never_loses_its_half_when_halves_change_in_any_order(changes):
    pairs = Pairs()
    for number in range(1, 5):
        pairs.add(number)
    for model, number, killed_at in changes:
        with (
            suppress(ConflictError, NotFoundError, ReleaseOrderError),
            pytest.MonkeyPatch.context() as patch,
        ):
            if not number:
                pairs.back(model)
            else:
                record = pairs.ask(model, version=version_of(number))
                if killed_at:
                    port = pairs.publisher if killed_at == "publish" else pairs.registry
                    crash_at(patch, port, killed_at, after=number % 2 == 0)
                    with suppress(Crash):
                        pairs.run(record)
                    together(pairs)
                pairs.run(record)
        together(pairs)


def together(pairs):
    """The champion of the predictor, where there is one, has its half."""
    predictor = current(PREDICTOR, pairs.registry)
    if predictor is not None:
        assert answers_for(current(PREPROCESSOR, pairs.registry), predictor.champion.ref.pair)
