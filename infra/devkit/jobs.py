"""Asynchronous jobs as a client sees them: submitted, looked at, waited for, shown."""

from __future__ import annotations

import json
import secrets
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from devkit import predictions
from devkit.api import advising
from devkit.errors import LeftAloneError
from devkit.screen import table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rich.table import Table

    from devkit.api import Api
    from devkit.screen import Screen

STATES = ("queued", "running", "done", "failed", "cancelled", "expired")
_UNFINISHED = ("queued", "running", "open")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 2.0
_SHOWN = 2_000


def submit(
    api: Api,
    model: str,
    records: Sequence[Mapping[str, Any]],
    *,
    key: str | None = None,
    callback_url: str | None = None,
) -> dict[str, Any]:
    """Submit rows as one job.

    Args:
        api: Of the stack.
        model: Who is asked.
        records: The rows.
        key: Idempotency key: sent again with the same rows, it means the same job. Left out,
            one is made up, so that a request that is sent again here makes one job all the same.
        callback_url: Whom the job tells when it is over.

    Raises:
        ApiError: the API refused.
    """
    headers = {"idempotency-key": key or secrets.token_hex(16)}
    if callback_url is not None:
        headers["x-callback-url"] = callback_url
    path = f"/v2/models/{quote(model, safe='')}/jobs"
    with advising({409: "Use another --key, or submit exactly what was submitted under it."}):
        job: dict[str, Any] = api.send("POST", path, {"records": list(records)}, headers)[1]
    return job


def get(api: Api, job_id: str) -> dict[str, Any]:
    """One job."""
    with advising(_hints(job_id)):
        job: dict[str, Any] = api.get(_path(job_id))
    return job


def cancel(api: Api, job_id: str) -> dict[str, Any]:
    """Cancel a job that has not started."""
    with advising(_hints(job_id)):
        job: dict[str, Any] = api.send("DELETE", _path(job_id))[1]
    return job


def redrive(api: Api, model: str | None) -> dict[str, Any]:
    """Give all failed jobs that were laid aside their tries again.

    Returns:
        `redriven`, the ids, and `left`, whether there are more.
    """
    asked = {} if model is None else {"model": model}
    redriven: list[str] = []
    while True:
        answer = api.post("/jobs/redrive", asked)
        redriven.extend(answer["redriven"])
        if not (answer["left"] and answer["redriven"]):
            return {"redriven": redriven, "left": answer["left"]}


def wait(
    api: Api,
    job: dict[str, Any],
    *,
    looked: Callable[[dict[str, Any]], None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Look at a job until it is over.

    Raises:
        LeftAloneError: somebody pressed Ctrl-C; the job goes on.
    """
    hint = f"Look again: servery jobs show {job['id']}"
    return until_over(job, lambda: get(api, job["id"]), hint=hint, looked=looked, sleep=sleep)


def until_over(
    job: dict[str, Any],
    look: Callable[[], dict[str, Any]],
    *,
    hint: str,
    looked: Callable[[dict[str, Any]], None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Look again and again, less and less often, until what is looked at is over.

    Args:
        job: As it is now.
        look: How it is then.
        hint: What somebody may do who does not want to wait.
        looked: Is told how it was each time.
        sleep: Waits for so many seconds.

    Raises:
        LeftAloneError: somebody pressed Ctrl-C; it goes on.
    """
    pause = _FIRST_PAUSE
    try:
        while job["state"] in _UNFINISHED:
            sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)
            job = look()
            looked(job)
    except KeyboardInterrupt:
        raise LeftAloneError("The job goes on by itself.", hint) from None
    return job


def jobs_table(jobs: Sequence[Mapping[str, Any]]) -> Table:
    """One line for each job."""
    return table(
        ["job", "model", "state", "created"],
        [[j["id"], j["model"], j["state"], second(j["created"])] for j in jobs],
    )


def show(screen: Screen, job: Mapping[str, Any]) -> None:
    """How far a job is, whom it tells, and what came of it."""
    screen.say(f"Job       {job['id']}")
    screen.say(f"Model     {' '.join(filter(None, [job['model'], job.get('model_version')]))}")
    if job.get("stage"):
        screen.say(f"Stage     {job['stage']}, the second answer to a staged request")
    screen.say(f"State     {_state(job)}")
    screen.say(f"Created   {second(job['created'])}")
    if job.get("finished"):
        screen.say(f"Finished  {second(job['finished'])}")
    if callback := job.get("callback"):
        screen.say(f"Callback  {_callback(callback)}")
    if job.get("reason"):
        screen.say(f"Reason    {job['reason']}", style="yellow")
    for wrong in (job.get("error") or {}).get("errors") or []:
        screen.say(f"          {wrong['field']}: {wrong['message']}", style="yellow")
    if job.get("result") is not None:
        screen.say()
        _show_result(screen, job["result"])


def _show_result(screen: Screen, result: Mapping[str, Any]) -> None:
    if "predictions" in result:
        predictions.show(screen, result)
        return
    text = json.dumps(result)
    cut = len(text) > _SHOWN
    screen.say(f"{text[:_SHOWN]} ...; --json gives all of it" if cut else text)


def second(iso: str) -> str:
    """A time for people, to the second."""
    return iso[:19].replace("T", " ")


def _state(job: Mapping[str, Any]) -> str:
    status = f", HTTP {job['status']}" if job.get("status") else ""
    return f"{job['state']}{status}, {_times(job.get('tries', 0))}"


def _callback(callback: Mapping[str, Any]) -> str:
    if callback["state"] == "none":
        return f"when it is over, to {callback['url']}"
    return f"{callback['state']}, {_times(callback['tries'])}, {callback['url']}"


def _times(tries: int) -> str:
    return f"{tries} {'try' if tries == 1 else 'tries'}"


def _hints(job_id: str) -> dict[int, str]:
    return {
        404: "`servery jobs list` shows the jobs there are; they are forgotten after some days.",
        409: f"See how far it is: servery jobs show {job_id}",
    }


def _path(job_id: str) -> str:
    return f"/jobs/{quote(job_id, safe='')}"
