"""The start of a model server."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from servery.wiring.models import warm_server


@pytest.fixture(autouse=True)
def _thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


@pytest.mark.parametrize("mode", ["", "image", "nonsense"])
def test_garbage_is_looked_for_again_when_a_server_has_come_up(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVERY_MODE", mode)
    monkeypatch.delenv("SERVERY_RUNTIME", raising=False)

    warm_server("predictor")

    assert gc.isenabled()


def test_what_is_there_is_left_alone_when_a_server_has_come_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SERVERY_MODE", raising=False)
    gc.unfreeze()

    warm_server("predictor")

    assert gc.get_freeze_count() > 0
