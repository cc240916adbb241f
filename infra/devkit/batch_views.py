"""Batches on the screen: a line for each, or one whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devkit.jobs import second
from devkit.screen import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from devkit.screen import Screen


def batches_table(batches: Sequence[Mapping[str, Any]]) -> Table:
    """One line for each batch."""
    return table(
        ["batch", "model", "state", "rows", "created"],
        [
            [b["id"], b["model"], b["state"], f"{b['rows_in']:,}", second(b["created"])[5:]]
            for b in batches
        ],
    )


def show(screen: Screen, batch: Mapping[str, Any]) -> None:
    """How far a batch is, its rows, and where its files are."""
    again = f", run {batch['run']}" if batch["run"] > 1 else ""
    version = batch.get("model_version") or ""
    stale = " (stale)" if batch.get("stale_model") else ""
    lines = {
        "Batch": batch["id"],
        "Model": f"{batch['model']} {version}{stale}".rstrip(),
        "State": f"{batch['state']}{again}",
        "Source": batch["source"],
        "Rows": _rows(batch),
        "Chunks": _chunks(batch),
        "Created": second(batch["created"]),
        "Finished": second(batch.get("finished") or ""),
        "Outputs": _outputs(batch["outputs"]),
        "Rejects": batch.get("rejects") or "",
        "Manifest": batch.get("manifest") or "",
        "Same as": batch.get("same_as") or "",
    }
    for name, value in lines.items():
        if value:
            screen.say(f"{name:<9} {value}")
    if batch.get("reason"):
        screen.say(f"Reason    {batch['reason']}", style="yellow")


def _rows(batch: Mapping[str, Any]) -> str:
    if not batch["started"]:
        return ""
    read, predicted = f"{batch['rows_in']:,} read", f"{batch['rows_out']:,} predicted"
    return f"{read}, {predicted}, {batch['rows_rejected']:,} rejected"


def _chunks(batch: Mapping[str, Any]) -> str:
    if not batch["started"]:
        return ""
    failed = f", {batch['chunks_failed']:,} failed" if batch["chunks_failed"] else ""
    return f"{batch['chunks_done']:,} of {batch['chunks']:,} done{failed}"


def _outputs(uris: Sequence[str]) -> str:
    if len(uris) <= 1:
        return "".join(uris)
    return f"{len(uris):,} parts, from {uris[0]}"
