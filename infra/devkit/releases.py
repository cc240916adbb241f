"""Releases, roll backs and rolls through the API, watched step by step."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from devkit.api import ApiError
from devkit.errors import DevkitError

if TYPE_CHECKING:
    from collections.abc import Callable

    from devkit.api import Api
    from devkit.screen import Screen

_POLL = 0.2
_SECONDS = 330.0


def release(
    api: Api,
    model: str,
    *,
    version: str | None = None,
    training: str | None = None,
    mode: str | None = None,
    kind: str = "release",
    step: Callable[[dict[str, Any]], None] = lambda _: None,
) -> dict[str, Any]:
    """Release a model, or roll it onto the deployed code, and wait until that has ended.

    What has to come before half of a pair is done first: its preprocessor is released.

    Args:
        api: Of the stack.
        model: Name of the model.
        version: What to release; the newest when left out.
        training: Which training of it; the newest when left out.
        mode: image or load; what the spec says when left out.
        kind: release, candidate or roll.
        step: Told of each step once.

    Returns:
        The release record.

    Raises:
        DevkitError: it failed, or took too long; nothing has changed for callers then.
    """
    asked = {"version": version, "training": training, "mode": mode}
    body = {"kind": kind} | {k: v for k, v in asked.items() if v is not None}
    done: list[dict[str, Any]] = []
    while True:
        try:
            return _carried_out(api, model, body, step)
        except ApiError as error:
            first = error.problem.get("first")
            if first is None or first in done:
                raise
            done.append(first)
        _before(api, first, mode, step)


def _before(
    api: Api, first: dict[str, Any], mode: str | None, step: Callable[[dict[str, Any]], None]
) -> None:
    """Do what has to be done first with the other half of a pair."""
    model = str(first["model"])
    if first["kind"] == "roll_back":
        step({"name": "roll back", "detail": f"{model}, to what the champion was trained with"})
        api.post(f"/models/{model}/rollback", {"reason": "before the release of the next pair"})
        return
    version, training = str(first["version"]), str(first["training"])
    step({"name": "half", "detail": f"{model} {version} {training} first"})
    release(api, model, version=version, training=training, mode=mode, step=step)


def _carried_out(
    api: Api, model: str, body: dict[str, Any], step: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Ask for a release and wait for its end."""
    kind = body["kind"]
    answer, record = api.send("POST", f"/models/{model}/releases", body)
    where = answer.headers.get("location") or f"/models/{model}/releases/{record['id']}"
    path = where[where.index("/models/") :]
    deadline, told = time.monotonic() + _SECONDS, 0
    while True:
        record = api.get(path)
        for made in record.get("steps", [])[told:]:
            step(made)
            told += 1
        if record["state"] == "succeeded":
            done: dict[str, Any] = record
            return done
        if record["state"] == "failed":
            raise DevkitError(
                f"The {kind} of {model} failed: {record.get('reason') or 'no reason recorded'}",
                f"Nothing changed for callers. See: servery models {model}",
            )
        if time.monotonic() > deadline:
            raise DevkitError(
                f"The {kind} of {model} is still under way.", f"See: servery models {model}"
            )
        time.sleep(_POLL)


def when_free(
    attempt: Callable[[], dict[str, Any]],
    *,
    waiting: Callable[[], None] = lambda: None,
    pause: float = 1.0,
) -> dict[str, Any]:
    """Do what `release` would do, after another release of the same model has ended.

    Raises:
        DevkitError: see `release`; or the other one does not end.
    """
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            return attempt()
        except ApiError as error:
            if not _busy(error) or time.monotonic() > deadline:
                raise
        waiting()
        time.sleep(pause)


def _busy(error: ApiError) -> bool:
    """Whether a refusal will pass; that of a half that comes too early does not."""
    kind = str(error.problem.get("type", ""))
    return error.status == HTTPStatus.CONFLICT and not kind.endswith(":release-order")


def roll_all(api: Api, models: list[str], screen: Screen) -> dict[str, dict[str, Any]]:
    """Move the model servers of some models onto the deployed code, one model at a time."""
    records: dict[str, dict[str, Any]] = {}
    for model in models:
        with screen.phase(f"Roll {model}") as phase:
            records[model] = when_free(lambda model=model: release(api, model, kind="roll"))  # type: ignore[misc]
            phase.detail = "onto the deployed code"
    return records


def say(screen: Screen, step: dict[str, Any]) -> None:
    """One line for a step of a release."""
    screen.say(f"  {step['name']:<20} {step.get('detail', '')}", style="dim")
