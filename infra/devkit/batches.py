"""Batches as a client sees them: a file dropped, its batch found, run again."""

from __future__ import annotations

import json
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from devkit import uploads, views
from devkit.api import ApiError, advising
from devkit.errors import DevkitError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from devkit.api import Api
    from devkit.deployments import Deployed
    from devkit.screen import Screen

STATES = ("queued", "running", "succeeded", "failed", "skipped")
FINAL = ("succeeded", "failed", "skipped")
BUCKET = "ExchangeBucketName"
_SUFFIXES = (".csv", ".jsonl", ".ndjson", ".parquet")
_ZIPPED = (".csv", ".jsonl", ".ndjson")
_APPEARS_SECONDS = 90.0


def check_name(file: Path) -> None:
    """Let nothing be uploaded that no batch can read.

    Raises:
        UsageError: there is no such file, or its name does not say a format.
    """
    if not file.is_file():
        raise UsageError(f"There is no file {file}.")
    suffixes = [suffix.lower() for suffix in file.suffixes[-2:]]
    if suffixes and suffixes[-1] == ".gz":
        fine = len(suffixes) == 2 and suffixes[0] in _ZIPPED  # noqa: PLR2004
    else:
        fine = bool(suffixes) and suffixes[-1] in _SUFFIXES
    if not fine:
        raise UsageError(
            f"The name of {file} does not say its format.",
            "A file is .csv, .jsonl, .ndjson or .parquet; the first three also with .gz.",
        )


def check_model(api: Api, model: str) -> None:
    """Upload nothing for a model that does not answer.

    Raises:
        DevkitError: there is no such model, or none of its versions is released.
    """
    if not views.model(api, model)["model"]["champion"]:
        raise DevkitError(f"{model} is not released.", f"Release it: servery release {model}")


def metadata(
    *,
    output: str | None = None,
    id_columns: Sequence[str] = (),
    max_rejected: float | None = None,
    rerun: str | None = None,
) -> dict[str, str]:
    """What the submitter says, as user metadata of the object; the rest is as the spec says."""
    said = {
        "servery-output": output,
        "servery-id-columns": json.dumps(list(id_columns)) if id_columns else None,
        "servery-max-rejected": None if max_rejected is None else str(max_rejected),
        "servery-rerun": rerun,
        "servery-origin": "submit",
    }
    return {name: value for name, value in said.items() if value is not None}


def get(api: Api, batch_id: str) -> dict[str, Any]:
    """One batch."""
    with advising(_hints(batch_id)):
        batch: dict[str, Any] = api.get(_path(batch_id))
    return batch


def rerun(api: Api, batch_id: str, policy: str) -> dict[str, Any]:
    """Run a batch that is over again: its failed chunks, or all of them."""
    with advising(_hints(batch_id)):
        batch: dict[str, Any] = api.post(f"{_path(batch_id)}/rerun", {"policy": policy})
    return batch


def drop(
    deployed: Deployed,
    api: Api,
    screen: Screen,
    *,
    model: str,
    file: Path,
    metadata: Mapping[str, str],
) -> dict[str, Any]:
    """Upload a file into the inbox, and give back the batch that begins with it.

    Raises:
        DevkitError: the stack is older than batches, or no batch begins.
    """
    from servery.domain.batches import batch_id  # noqa: PLC0415 - the library only where needed

    bucket = deployed.outputs.get(BUCKET)
    if bucket is None:
        raise DevkitError("This stack has no batches yet.", "Deploy the present code first.")
    started, size, key = time.monotonic(), file.stat().st_size, f"inbox/{model}/{file.name}"
    client = deployed.target.client("s3")
    with uploads.shown(screen, file.name, size) as sent:
        source = uploads.upload(client, file, bucket, key, metadata, sent=sent)
    screen.done("Upload", f"{file.name}, {_size(size)}", time.monotonic() - started)
    return appeared(api, batch_id(model, source))


def appeared(
    api: Api,
    batch_id: str,
    *,
    seconds: float = _APPEARS_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """The batch over a file that was just dropped, as soon as there is one.

    Raises:
        DevkitError: none begins.
    """
    deadline = clock() + seconds
    while True:
        try:
            return get(api, batch_id)
        except ApiError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
        if clock() > deadline:
            raise DevkitError(
                f"The file is there, but its batch {batch_id} has not begun after {seconds:.0f} s.",
                "See: servery logs BatchStartFunction",
            )
        sleep(0.3)


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"  # noqa: PLR2004


def _hints(batch_id: str) -> dict[int, str]:
    return {
        404: "`servery batch list` shows the batches there are.",
        409: f"See how far it is: servery batch show {batch_id}",
    }


def _path(batch_id: str) -> str:
    return f"/batches/{quote(batch_id, safe='')}"
