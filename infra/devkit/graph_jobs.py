"""Jobs of graphs as a client sees them: submitted, looked at, waited for, shown."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from devkit import graph_views, jobs
from devkit.api import advising
from devkit.screen import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from devkit.api import Api
    from devkit.screen import Screen

STATES = ("open", "done", "failed")


def submit(
    api: Api, graph: str, records: Sequence[Mapping[str, Any]], *, key: str | None = None
) -> dict[str, Any]:
    """Submit rows to a graph as one job.

    Args:
        api: Of the stack.
        graph: Who is asked.
        records: The rows.
        key: Idempotency key: sent again with the same rows, it means the same job. Left out,
            one is made up, so that a request that is sent again here makes one job all the same.

    Raises:
        ApiError: the API refused.
    """
    headers = {"idempotency-key": key or secrets.token_hex(16)}
    hints = {
        404: "`servery graphs list` shows the graphs there are.",
        409: "Use another --key, or submit exactly what was submitted under it.",
    }
    with advising(hints):
        job: dict[str, Any] = api.send(
            "POST", jobs_path(graph), {"records": list(records)}, headers
        )[1]
    return job


def get(api: Api, graph: str, job_id: str) -> dict[str, Any]:
    """One job of a graph."""
    hint = f"`servery graphs jobs {graph}` shows the jobs there are; they are forgotten in time."
    with advising({404: hint}):
        job: dict[str, Any] = api.get(f"{jobs_path(graph)}/{quote(job_id, safe='')}")
    return job


def wait(api: Api, job: dict[str, Any]) -> dict[str, Any]:
    """Look at a job of a graph until it has ended.

    Raises:
        LeftAloneError: somebody pressed Ctrl-C; the job goes on.
    """
    graph, job_id = job["graph"], job["id"]
    hint = f"Look again: servery graphs job {graph} {job_id}"
    return jobs.until_over(job, lambda: get(api, graph, job_id), hint=hint)


def jobs_path(graph: str) -> str:
    """Where the jobs of a graph are."""
    return f"/v2/graphs/{quote(graph, safe='')}/jobs"


def jobs_table(found: Sequence[Mapping[str, Any]]) -> Table:
    """One line for each job."""
    return table(
        ["job", "state", "created", "without", "set going by"],
        [
            [
                job["id"],
                _state(job),
                jobs.second(job["created"]),
                " ".join(job.get("missing") or []),
                job.get("origin", ""),
            ]
            for job in found
        ],
    )


def show(screen: Screen, job: Mapping[str, Any]) -> None:
    """How far a job is, what its parts came to, and the answer."""
    screen.say(f"Job       {job['id']}")
    screen.say(f"Graph     {job['graph']} revision {job['graph_revision']}")
    screen.say(f"State     {_state(job)}")
    screen.say(f"Created   {jobs.second(job['created'])}")
    if job.get("finished"):
        screen.say(f"Finished  {jobs.second(job['finished'])}")
    if job.get("origin"):
        screen.say(f"Origin    {job['origin']}")
    if job.get("reason"):
        screen.say(f"Reason    {job['reason']}", style="yellow")
    for wrong in (job.get("error") or {}).get("errors") or []:
        screen.say(f"          {wrong['field']}: {wrong['message']}", style="yellow")
    screen.say()
    screen.show(parts_table(job.get("parts") or []))
    if job.get("result") is not None:
        screen.say()
        graph_views.show_rows(screen, job["result"]["predictions"])


def parts_table(parts: Sequence[Mapping[str, Any]]) -> Table:
    """One line for each part of a job."""
    return table(
        ["part", "state", "tries", "time", "version, or why not"],
        [
            [
                part["name"],
                f"{part['state']}, late" if part.get("late") else part["state"],
                str(part["tries"]) if part.get("tries") else "",
                f"{part['ms']:.0f} ms" if part.get("arrived") else "",
                part.get("reason") or part.get("model_version", ""),
            ]
            for part in parts
        ],
    )


def _state(job: Mapping[str, Any]) -> str:
    return f"{job['state']}, partial" if job.get("partial") else str(job["state"])
