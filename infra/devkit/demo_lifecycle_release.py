"""Trainings and the releases that follow them by themselves, watched as a client sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devkit import demo_lifecycle_cast as cast
from devkit import outcomes, training

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devkit.demo_lifecycle_cast import Role, Wines
    from devkit.demo_lifecycle_stage import Stage

_OPEN = frozenset({"running", "waiting"})
_TOLD = frozenset({"gate", "ready", "shadow", "canary", "crown"})
"""Steps of a release that a newcomer wants to see; `servery release watch` shows all of them."""
_METRIC = "f1_macro"


def put_export(stage: Stage, wines: Wines, instead: Mapping[str, str] | None = None) -> str:
    """Put the export of the laboratory where the trainings read it, in place of the last one."""
    bucket = stage.deployed.outputs["ArtifactsBucketName"]
    key = f"raw/{stage.model}/export/wines.csv"
    content = cast.export(wines, instead)
    stage.deployed.target.client("s3").put_object(Bucket=bucket, Key=key, Body=content)
    return f"s3://{bucket}/{key}"


def train(stage: Stage, role: Role, wines: Wines) -> dict[str, Any]:
    """Train a version; the training's output.

    Raises:
        DevkitError: it was not registered.
    """
    uri = put_export(stage, wines, role.data)
    run = training.start(stage.deployed, cast.spec_of(role, stage.model, uri))
    output = training.follow(
        stage.deployed,
        run,
        passed=lambda _: None,
        running=lambda seen: stage.pulse(f"training: {seen.running or 'waiting'}"),
    )
    outcomes.raise_unless_registered(output)
    return registered(stage, output, role.name)


def registered(stage: Stage, output: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Tell of a training that was registered."""
    version = str(output["version"])
    stage.call(version, name)
    stage.tell(f"trained {name}", f"{version}, {_METRIC} {output['metrics'][_METRIC]:.3f}")
    return dict(output)


def released(stage: Stage, trained: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Watch the release that a training starts by itself, until it has ended.

    Returns:
        Its record, with the version that callers met, or would have met, as `met`.
    """
    version, run = trained["version"], trained.get("training", "")
    record = stage.wait(lambda: _release_of(stage, version, run), f"the release of {name}")
    where, steps, judged = f"{stage.path}/releases/{record['id']}", 0, 0
    stage.tell("release begins", f"{record['id']}, by {record.get('origin', 'command')}")

    def look() -> dict[str, Any] | None:
        nonlocal steps, judged
        now: dict[str, Any] = stage.http.get(where)
        for step in now.get("steps", [])[steps:]:
            steps += 1
            if step["name"] == "judge" and judged < len(now["judgements"]):
                _tell_judged(stage, now["judgements"][judged])
                judged += 1
            elif step["name"] in _TOLD:
                stage.tell(f"  {step['name']}", step.get("detail", ""))
        return None if now["state"] in _OPEN else now

    ended = stage.wait(look, f"release of {name}")
    met = stage.rolled_out(ended["id"]) or ended.get("released_as") or version
    stage.call(met, name)
    return {**ended, "met": met}


def _release_of(stage: Stage, version: str, run: str) -> dict[str, Any] | None:
    for record in stage.http.get(f"{stage.path}/releases")["releases"]:
        if record["version"] == version and record.get("training", run) in ("", run):
            found: dict[str, Any] = record
            return found
    return None


def _tell_judged(stage: Stage, judged: Mapping[str, Any]) -> None:
    judgement = judged["judgement"]
    what = f"{judged['stage']} {judged['share']:.0%}: {judgement['verdict']}"
    stage.tell(f"  {what}", judgement["said"], bad=judgement["verdict"] == "fail")
