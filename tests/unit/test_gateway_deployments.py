"""Deployment records, kept for a moment."""

from __future__ import annotations

import pytest
from fakes.clock import SetClock
from fakes.records import a_deployment
from fakes.registry import MemoryRegistry
from servery.adapters.kept_deployments import KeptDeployments
from servery.errors import NotFoundError, UnavailableError


class CountingRegistry(MemoryRegistry):
    """Counts the reads, and can be out of reach."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []
        self.down = False

    def deployment(self, model):
        self.reads.append(model)
        if self.down:
            raise UnavailableError("no answer")
        return super().deployment(model)


@pytest.fixture
def clock():
    return SetClock()


@pytest.fixture
def registry():
    registry = CountingRegistry()
    registry.put_deployment(a_deployment())
    return registry


@pytest.fixture
def deployments(registry, clock):
    return KeptDeployments(registry, clock)


def test_one_read_when_requests_come_within_two_seconds(deployments, registry, clock):
    for _ in range(3):
        assert deployments.get("iris").revision == 1
        clock.advance(0.9)
    assert registry.reads == ["iris"]


def test_new_record_is_seen_when_two_seconds_are_over(deployments, registry, clock):
    deployments.get("iris")
    registry.put_deployment(a_deployment(revision=2))
    clock.advance(2)
    assert deployments.get("iris").revision == 2


def test_new_record_is_seen_at_once_when_the_old_one_is_forgotten(deployments, registry):
    deployments.get("iris")
    registry.put_deployment(a_deployment(revision=2))
    deployments.forget("iris")
    assert deployments.get("iris").revision == 2


@pytest.mark.parametrize(
    "name", ["", "Iris", "iris/1", "../iris", "i" * 49, "1ris", "iris ", "irisé", "iris\n"]
)
def test_registry_is_not_asked_when_no_model_can_have_the_name(deployments, registry, name):
    with pytest.raises(NotFoundError):
        deployments.get(name)
    assert registry.reads == []


def test_registry_is_asked_once_in_two_seconds_when_the_model_is_unknown(
    deployments, registry, clock
):
    for _ in range(3):
        with pytest.raises(NotFoundError):
            deployments.get("unknown")
    assert registry.reads == ["unknown"]
    clock.advance(2)
    with pytest.raises(NotFoundError):
        deployments.get("unknown")
    assert len(registry.reads) == 2


def test_old_record_answers_for_a_minute_when_the_registry_is_down(deployments, registry, clock):
    deployments.get("iris")
    registry.down = True
    clock.advance(60)
    assert deployments.get("iris").revision == 1
    clock.advance(0.1)
    assert deployments.get("iris").revision == 1
    clock.advance(2)
    with pytest.raises(UnavailableError):
        deployments.get("iris")


def test_registry_is_left_alone_for_two_seconds_when_it_is_down(deployments, registry, clock):
    deployments.get("iris")
    registry.down = True
    clock.advance(3)
    for _ in range(5):
        deployments.get("iris")
    assert len(registry.reads) == 2


def test_error_is_told_when_the_registry_is_down_from_the_start(deployments, registry):
    registry.down = True
    with pytest.raises(UnavailableError):
        deployments.get("iris")


def test_memory_is_bounded_when_callers_make_up_names(deployments, registry):
    for number in range(600):
        with pytest.raises(NotFoundError):
            deployments.get(f"m{number}")
    registry.reads.clear()
    with pytest.raises(NotFoundError):
        deployments.get("m599")
    assert registry.reads == []
    with pytest.raises(NotFoundError):
        deployments.get("m0")
    assert registry.reads == ["m0"]


class TestProbe:
    def test_it_passes_when_the_registry_answers(self, deployments, registry):
        deployments.probe()
        deployments.probe()
        assert len(registry.reads) == 1

    def test_it_fails_when_the_registry_does_not(self, deployments, registry, clock):
        deployments.probe()
        registry.down = True
        clock.advance(2)
        with pytest.raises(UnavailableError):
            deployments.probe()

    def test_it_passes_at_once_when_the_registry_is_back(self, deployments, registry):
        registry.down = True
        with pytest.raises(UnavailableError):
            deployments.probe()
        registry.down = False
        deployments.probe()
