"""How trainings end, for people."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any

from devkit.errors import DevkitError
from devkit.screen import table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devkit.deployments import Deployed
    from devkit.screen import Screen

_REJECTS = re.compile(r"datasets/[0-9a-f]{64}/rejects\.csv")
_BAD_ROWS = 5


def show_rejects(deployed: Deployed, output: Mapping[str, Any], screen: Screen) -> None:
    """Show the first bad rows of the data, with their lines, and where all of them are listed."""
    found = _REJECTS.search(" ".join([output.get("rejects", ""), *output.get("reasons", [])]))
    if found is None:
        return
    bucket = deployed.outputs["ArtifactsBucketName"]
    content = deployed.target.client("s3").get_object(Bucket=bucket, Key=found[0])["Body"].read()
    bad = list(csv.DictReader(io.StringIO(content.decode())))
    rows = [list(row.values()) for row in bad[:_BAD_ROWS]]
    screen.show(table(list(bad[0]) if bad else [], rows))
    screen.say(f"Bad rows: {len(bad)}, all of them in s3://{bucket}/{found[0]}", style="dim")


def sentence(output: dict[str, Any]) -> str:
    """How a training ended, in one sentence."""
    if output["outcome"] == "registered":
        metrics = ", ".join(f"{k} {v:.3f}" for k, v in sorted(output.get("metrics", {}).items()))
        version = f"{output['version']} {output.get('training', '')}".strip()
        half = _half(output.get("preprocessor"))
        return f"registered as {version} ({metrics}){half}{_left_out(output.get('rows', {}))}"
    if output["outcome"] == "done":
        return "done as far as it was asked for; nothing was to be registered"
    reasons = "; ".join(output.get("reasons", [])) or "no reason was recorded"
    step = output.get("failed_step", "")
    return f"{output['outcome']}{f' in {step}' if step else ''}: {reasons}"


def next_step(output: dict[str, Any], *, resumed: bool) -> str:
    """What to do after a training, in one sentence; empty where that is not for us to say.

    Args:
        output: Of the execution.
        resumed: Whether it was started with the input of an earlier one.
    """
    if output["outcome"] == "registered" and "." not in output["version"]:
        return f"An experiment is compared, not released: servery models {output['model']}"
    if output["outcome"] == "registered":
        return f"Release it: servery release {output['model']} {output['version']}"
    if output["outcome"] == "failed":
        return f"Go on where it stopped: servery train --resume {output['training_id']}"
    if output["outcome"] == "refused" and resumed:
        return (
            "It had the spec of then, and the data that were uploaded with it; for what was "
            "corrected since: servery train SPEC --pipeline"
        )
    return ""


def _half(half: Mapping[str, str] | None) -> str:
    if not half:
        return ""
    version = f"{half['version']} {half['training']}"
    return f", its preprocessor {half['model']} as {version} (pair {half['pair'][:8]})"


def _left_out(rows: Mapping[str, int]) -> str:
    rejected = rows.get("rejected", 0)
    return f"; {rejected} of {rows['read']} rows were bad and left out" if rejected else ""


def raise_unless_registered(output: dict[str, Any]) -> None:
    """Turn a refused or failed training into an error that says what to do.

    Raises:
        DevkitError: the training was refused or failed.
    """
    if output["outcome"] == "registered":
        return
    refused = output["outcome"] == "refused"
    raise DevkitError(
        f"The training of {output.get('model', '')} was {sentence(output)}",
        "Change the spec or its data; nothing was registered."
        if refused
        else "See: servery logs --since 10m",
    )
