"""The demonstration's job and batch: the same rows as before, answered later."""

from __future__ import annotations

import csv
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from devkit import batch_watch, batches, exchange, jobs
from devkit.errors import DevkitError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from devkit.api import Api
    from devkit.deployments import Deployed
    from devkit.screen import Screen

_ROWS_OF_JOB = 2
_ID = "flower"
_TOLD = ("state", "tries", "status", "model_version", "result", "error", "reason")
_LINES = 3


@dataclass(frozen=True)
class Later:
    """What became of the job and of the batch, and how long each took, in seconds."""

    job: dict[str, Any]
    job_seconds: float
    batch: dict[str, Any]
    batch_seconds: float


def run(
    deployed: Deployed, http: Api, screen: Screen, model: str, records: Sequence[Mapping[str, Any]]
) -> Later:
    """Have some of the rows predicted by a job, and all of them by a batch.

    Raises:
        DevkitError: one of them failed.
    """
    started = time.monotonic()
    job = _job(http, screen, model, records)
    between = time.monotonic()
    batch = _batch(deployed, http, screen, model, records)
    return Later(job, between - started, batch, time.monotonic() - between)


def lines(later: Later) -> list[list[str]]:
    """Their lines in the table of what happened."""
    job, batch = later.job, later.batch
    said = f"{batch['rows_in']} rows, {batch['rows_rejected']} rejected"
    return [
        [f"Job {job['model']}", job["state"], f"{later.job_seconds:.1f} s"],
        [f"Batch {batch['model']}", said, f"{later.batch_seconds:.1f} s"],
    ]


def _job(
    http: Api, screen: Screen, model: str, records: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    rows = [dict(row) for row in records[:: max(1, len(records) // _ROWS_OF_JOB)][:_ROWS_OF_JOB]]
    accepted = exchange.show(http, screen, f"/v2/models/{model}/jobs", {"records": rows})
    if "id" not in accepted:
        raise DevkitError("The job was not accepted.", "See: servery logs JobsServeFunction")
    job = jobs.wait(http, accepted)
    screen.say()
    screen.say(f"GET /jobs/{job['id']}", style="bold")
    told = {name: job[name] for name in _TOLD if name in job}
    screen.say(exchange.short(told), style="green" if job["state"] == "done" else "yellow")
    if job["state"] != "done":
        raise DevkitError(f"The job is {job['state']}: {job['reason']}", "See: servery logs jobs")
    return job


def _batch(
    deployed: Deployed,
    http: Api,
    screen: Screen,
    model: str,
    records: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    screen.say()
    screen.say(f"servery batch submit {model}.csv --model {model} --id-column {_ID}", style="bold")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{model}.csv"
        _write(file, records)
        said = batches.metadata(id_columns=[_ID], rerun="all")
        batch = batches.drop(deployed, http, screen, model=model, file=file, metadata=said)
    batch = batch_watch.watch(http, batch, screen)
    if batch["state"] != "succeeded":
        raise DevkitError(
            f"The batch is {batch['state']}: {batch['reason']}", "See: servery logs batch"
        )
    uri = batch["outputs"][0]
    screen.say(uri, style="bold")
    for line in _first_lines(deployed, uri):
        screen.say(line, style="green")
    return batch


def _write(file: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """The rows as a table, numbered by an id column."""
    with file.open("w", newline="") as content:
        table = csv.DictWriter(content, [_ID, *records[0]])
        table.writeheader()
        table.writerows({_ID: f"{i:03d}", **row} for i, row in enumerate(records, start=1))


def _first_lines(deployed: Deployed, uri: str) -> list[str]:
    where = urlsplit(uri)
    answer = deployed.target.client("s3").get_object(Bucket=where.netloc, Key=where.path[1:])
    return [
        line.decode() for line, _ in zip(answer["Body"].iter_lines(), range(_LINES), strict=False)
    ]
