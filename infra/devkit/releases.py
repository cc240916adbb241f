"""Releases, roll backs and rolls through the API, watched step by step."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from devkit.api import ApiError
from devkit.errors import DevkitError
from devkit.release_views import planned

if TYPE_CHECKING:
    from collections.abc import Callable

    from devkit.api import Api
    from devkit.screen import Screen

_POLL = 0.2
_SECONDS = 330.0
_RECENT = 20
_QUIET_SECONDS = 900.0  # longer than a release may go without a sign of life
_RUNNING = "running"
_ENDED = {"refused": "was refused", "rolled_back": "was rolled back", "aborted": "was stopped"}


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
        DevkitError: it did not become what it was to be, a person has to approve it first, or
            nothing is heard of it any more; nothing has changed for callers then.
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
    record: dict[str, Any]
    answer, record = api.send("POST", f"/models/{model}/releases", body)
    where = answer.headers.get("location") or f"/models/{model}/releases/{record['id']}"
    path = where[where.index("/models/") :]
    seen: dict[str, Any] = {}
    deadline, told = time.monotonic() + _QUIET_SECONDS, 0
    while True:
        record = api.get(path)
        for made in record.get("steps", [])[told:]:
            step(made)
            told += 1
        if record["state"] == "succeeded":
            return record
        if record["state"] != _RUNNING:
            raise _unsuccessful(kind, record)
        if record != seen:
            seen, deadline = record, time.monotonic() + _QUIET_SECONDS
        if time.monotonic() > deadline:
            raise DevkitError(
                f"The {kind} of {model} is still under way.", f"See: servery models {model}"
            )
        time.sleep(_POLL)


def _unsuccessful(kind: str, record: dict[str, Any]) -> DevkitError:
    """Why a release did not come to its end, or waits, as a sentence."""
    model, release_id = record.get("model", ""), record.get("id", "")
    if record["state"] == "waiting":
        why = "; ".join((record.get("approval") or {}).get("why", [])) or "its rules ask for it"
        return DevkitError(
            f"The {kind} of {model} waits for a person to approve it: {why}",
            f"Say servery release approve {model} {release_id}, or decline; "
            f"then servery release watch {model} {release_id}",
        )
    ended = _ENDED.get(record["state"], "failed")
    return DevkitError(
        f"The {kind} of {model} {ended}: {record.get('reason') or 'no reason recorded'}",
        f"Nothing changed for callers. See: servery models {model}",
    )


def found(api: Api, model: str, release_id: str | None, *, open_only: bool) -> dict[str, Any]:
    """A release of a model by its id, or the newest one.

    Args:
        api: Of the stack.
        model: Name of the model.
        release_id: Of the release; None for the newest.
        open_only: Whether the newest is to be one that has not ended.

    Raises:
        DevkitError: there is none.
    """
    base = f"/models/{quote(model, safe='')}/releases"
    if release_id is not None:
        one: dict[str, Any] = api.get(f"{base}/{quote(release_id, safe='')}")
        return one
    newest = listed(api, model, _RECENT if open_only else 1)
    fit = [each for each in newest if not open_only or each["state"] in (_RUNNING, "waiting")]
    if not fit:
        going = "No release of {} is under way." if open_only else "Nothing of {} was released."
        raise DevkitError(going.format(model), f"Start one: servery release {model}")
    return fit[0]


def listed(api: Api, model: str, limit: int) -> list[dict[str, Any]]:
    """The releases of a model, the newest first."""
    return api.listed(f"/models/{quote(model, safe='')}/releases", "releases", limit)


def plan_of(api: Api, model: str) -> list[dict[str, Any]]:
    """The stages that the spec of a model asks for."""
    about = api.get(f"/models/{quote(model, safe='')}?limit=1")
    return planned((about.get("spec") or {}).get("release") or {})


def answer(api: Api, record: dict[str, Any], *, approve: bool, comment: str) -> dict[str, Any]:
    """Approve a release that waits, or decline it; its record."""
    said = {"approve": approve, "comment": comment}
    done: dict[str, Any] = api.post(f"{_path(record)}/approval", said)
    return done


def abort(api: Api, record: dict[str, Any], reason: str) -> dict[str, Any]:
    """Have a release stopped; its record."""
    done: dict[str, Any] = api.post(f"{_path(record)}/abort", {"reason": reason})
    return done


def _path(record: dict[str, Any]) -> str:
    model, release_id = (quote(str(record[name]), safe="") for name in ("model", "id"))
    return f"/models/{model}/releases/{release_id}"


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
