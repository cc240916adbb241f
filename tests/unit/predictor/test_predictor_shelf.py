"""Which model answers: pins, swaps, stand-ins and pauses."""

from __future__ import annotations

import pytest
from fakes.clock import SetClock
from fakes.tiny_models import MemoryArtifacts, add_model
from msgspec.structs import replace
from servery.adapters.model_loader import ModelLoader
from servery.adapters.runtimes import load_runtime
from servery.domain.manifest import ModelRef, Runtime
from servery.edge.inference import Codec
from servery.errors import ConflictError, InvalidInputError, MalformedError, UnavailableError
from servery.usecases.predictor import Asked, Chosen, Pin, Shelf, infer

PIN = Pin("shapes", Runtime.ONNX)


class Setup:
    """A shelf on artifacts that can be broken, with a clock that can be set."""

    def __init__(self, pin: Pin = PIN) -> None:
        self.artifacts = MemoryArtifacts()
        self.clock = SetClock()
        loader = ModelLoader(self.artifacts, load_runtime, Codec)
        self.shelf = Shelf(loader.load, pin, self.clock)
        self.one, self.two, self.three = (
            add_model(self.artifacts, f"{x}.0.0-1.1") for x in (1, 2, 3)
        )

    def loss(self, ref: ModelRef) -> None:
        for name in [name for name in self.artifacts.files if name.startswith(ref.prefix)]:
            del self.artifacts.files[name]

    def version(self, ref: ModelRef, *, exact: bool = False) -> str:
        return self.shelf.choose(ref, exact=exact).model.ref.version


def test_a_model_is_loaded_once_when_it_is_asked_again() -> None:
    setup = Setup()
    first = setup.shelf.choose(setup.one, exact=False)
    again = setup.shelf.choose(setup.one, exact=False)
    assert (first.loaded, again.loaded) == (True, False)
    assert again.model is first.model
    assert len(setup.artifacts.reads) == 2


def test_roll_back_reads_nothing_when_the_model_before_is_still_there() -> None:
    setup = Setup()
    for ref in (setup.one, setup.two):
        setup.version(ref)
    setup.artifacts.files.clear()
    assert setup.version(setup.one) == setup.one.version
    assert setup.version(setup.two) == setup.two.version


def test_the_oldest_goes_when_a_third_model_comes() -> None:
    setup = Setup()
    for ref in (setup.one, setup.two, setup.three):
        setup.version(ref)
    reads = len(setup.artifacts.reads)
    setup.version(setup.two)
    assert len(setup.artifacts.reads) == reads
    setup.version(setup.one)
    assert len(setup.artifacts.reads) == reads + 2


def test_the_last_good_answers_and_says_so_when_the_champion_cannot_be_loaded() -> None:
    setup = Setup()
    setup.version(setup.one)
    setup.loss(setup.two)
    chosen = setup.shelf.choose(setup.two, exact=False)
    assert chosen.model.ref == setup.one
    assert chosen.degraded
    assert chosen.failure is not None


def test_the_last_champion_answers_when_an_exact_version_was_asked_in_between() -> None:
    setup = Setup()
    setup.version(setup.one)
    setup.version(setup.two, exact=True)
    setup.loss(setup.three)
    assert setup.version(setup.three) == setup.one.version


def test_nobody_stands_in_when_an_exact_version_was_asked() -> None:
    setup = Setup()
    setup.version(setup.one)
    setup.loss(setup.two)
    with pytest.raises(UnavailableError):
        setup.version(setup.two, exact=True)
    with pytest.raises(UnavailableError):
        setup.shelf.get(setup.two)


def test_request_is_refused_for_now_when_nothing_was_ever_loaded() -> None:
    setup = Setup()
    setup.loss(setup.one)
    with pytest.raises(UnavailableError) as caught:
        setup.version(setup.one)
    assert caught.value.retry_after == 2


def test_a_failed_load_is_tried_again_when_its_pause_is_over_and_the_pause_grows() -> None:
    setup = Setup()
    setup.version(setup.one)
    setup.loss(setup.two)
    for pause in (2, 4, 8, 16, 32, 60, 60):
        before = len(setup.artifacts.reads)
        setup.version(setup.two)
        assert len(setup.artifacts.reads) == before + 1
        setup.clock.advance(pause - 0.1)
        again = setup.shelf.choose(setup.two, exact=False)
        assert again.degraded
        assert again.failure is None
        assert len(setup.artifacts.reads) == before + 1
        setup.clock.advance(0.2)
    add_model(setup.artifacts, "2.0.0-1.1")
    assert setup.version(setup.two) == setup.two.version
    assert not setup.shelf.choose(setup.two, exact=False).degraded


def test_a_server_refuses_when_another_model_or_runtime_is_asked() -> None:
    setup = Setup()
    for other in (replace(setup.one, model="other"), replace(setup.one, runtime=Runtime.JOBLIB)):
        with pytest.raises(ConflictError):
            setup.version(other)
    assert setup.artifacts.reads == []


def test_an_image_refuses_when_any_part_of_the_reference_is_another() -> None:
    setup = Setup()
    pinned = Setup(Pin("shapes", Runtime.ONNX, replace(setup.one, prefix=setup.one.prefix)))
    pinned.shelf.warm_up()
    elsewhere = replace(setup.one, prefix="models/elsewhere")
    assert pinned.version(elsewhere) == setup.one.version
    for changed in (
        {"version": "1.0.1-1.1"},
        {"training": "tr1"},
        {"digest": "0" * 64},
        {"manifest_digest": "0" * 64},
    ):
        with pytest.raises(ConflictError):
            pinned.version(replace(setup.one, **changed))
    assert len(pinned.artifacts.reads) == 2


def asked(body: bytes) -> Asked:
    return Asked(body, "r1", "champion", "off")


def test_a_misfit_is_not_blamed_on_the_caller_when_a_stand_in_answers() -> None:
    setup = Setup()
    model = setup.shelf.choose(setup.one, exact=False).model
    with pytest.raises(InvalidInputError):
        infer(Chosen(model), asked(b'{"records":[{"x":1}]}'))
    with pytest.raises(UnavailableError):
        infer(Chosen(model, degraded=True), asked(b'{"records":[{"x":1}]}'))
    with pytest.raises(MalformedError):
        infer(Chosen(model, degraded=True), asked(b"{"))
