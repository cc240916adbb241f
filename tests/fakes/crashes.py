"""A process that is killed at a call, before or after the call has done its work."""

from __future__ import annotations

from typing import Any

import pytest


class Crash(BaseException):
    """The function is killed: nothing after it runs."""


def crash_at(monkeypatch: pytest.MonkeyPatch, target: object, name: str, *, after: bool) -> None:
    """Kill whoever makes the next call of a port; the one after that is well again."""
    real = getattr(target, name)

    def killed(*args: Any, **kwargs: Any) -> None:
        monkeypatch.undo()
        if after:
            real(*args, **kwargs)
        raise Crash

    monkeypatch.setattr(target, name, killed)
