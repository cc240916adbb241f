"""The six acts of the story; each checks that what it tells of has come about."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from devkit import demo_lifecycle_cast as cast
from devkit.demo_lifecycle_release import put_export, registered, released, train
from devkit.demo_lifecycle_timeline import Kind
from devkit.errors import DevkitError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from devkit.demo_lifecycle_cast import Wines
    from devkit.demo_lifecycle_stage import Stage

_CALM = 30
_SHIFTED = 120
_DRIFT = ("input_drift", "prediction_drift", "accuracy")
"""Kinds of alarms that start a training here; what is told is the first of them that is open."""
_LOOK_SECONDS = 5.0


def in_service(stage: Stage, wines: Wines, begin: Callable[[], object]) -> None:
    """A tree is trained and released, and from then on requests never stop.

    Args:
        stage: Where.
        wines: What there is to train on.
        begin: Lets the callers begin.
    """
    with stage.act("A model in service"):
        trained = train(stage, cast.TREE, wines)
        record = released(stage, trained, cast.TREE.name)
        _became(record, "succeeded")
        begin()
        stage.tell("callers begin", "their requests never stop from here on")
        _answers(stage, _CALM)


def better(stage: Stage, wines: Wines) -> None:
    """A forest becomes champion through shadow and canary, and no request fails."""
    with stage.act("A better one becomes champion"):
        failed = _failed(stage)
        trained = train(stage, cast.FOREST, wines)
        record = released(stage, trained, cast.FOREST.name)
        _became(record, "succeeded")
        _answers(stage, _CALM)
        _champion(stage, record["met"])
        if _failed(stage) > failed:
            raise _untold(f"{_failed(stage) - failed} requests failed meanwhile")


def worse(stage: Stage, wines: Wines) -> None:
    """A stump is worse on the same held-out rows, and is refused before anybody asks it."""
    with stage.act("A worse one is refused"):
        champion = stage.champion()
        trained = train(stage, cast.STUMP, wines)
        record = released(stage, trained, cast.STUMP.name)
        _became(record, "refused")
        stage.mark(Kind.REFUSED, record["reason"], record["met"])
        _champion(stage, champion)


def erring(stage: Stage, wines: Wines) -> None:
    """A forest of a wrong export passes the gate, and is rolled back at the first canary step."""
    with stage.act("One that errs is rolled back"):
        champion = stage.champion()
        trained = train(stage, cast.MIXED_UP, wines)
        record = released(stage, trained, cast.MIXED_UP.name)
        _became(record, "rolled_back")
        stage.mark(Kind.ROLLED_BACK, record["reason"], record["met"], record["finished"])
        _champion(stage, champion)
        put_export(stage, wines)
        stage.tell("the export is corrected", "the next training reads it anew")


def drifting(stage: Stage) -> None:
    """The traffic shifts, an alarm fires, and a retrained version wins."""
    with stage.act("Drift, alarm, retrain"):
        champion = stage.champion()
        stage.traffic.rows.shift = cast.SHIFT
        columns = ", ".join(cast.SHIFT)
        stage.mark(Kind.SHIFTED, f"a new instrument reads {columns} 40 % lower")
        _answers(stage, _SHIFTED)
        alarm = _alarm(stage)
        stage.mark(Kind.ALARM, alarm["finding"]["said"], champion, alarm["since"])
        trained = _retrained(stage)
        record = released(stage, trained, cast.RETRAINED)
        _became(record, "succeeded")
        _answers(stage, _CALM)
        _champion(stage, record["met"])


def retired(stage: Stage) -> None:
    """The tree, which nobody has asked for some time, goes: its server, then its artifact."""
    with stage.act("An unused one is retired"):
        told = ""

        def look() -> dict[str, Any] | None:
            nonlocal told
            _keep(stage)
            record = _retirement(stage, cast.TREE.name)
            if record and record["stage"] != told:
                told = record["stage"]
                stage.tell(f"  {told}", stage.title(record["version"]))
            return record if told == "gone" else None

        record = stage.wait(look, "nobody asks the tree any more", pause=_LOOK_SECONDS)
        stage.mark(Kind.RETIRED, record["because"], record["version"], record["gone"])
        _answers(stage, _CALM)


def _keep(stage: Stage) -> None:
    """Have the retirements looked at now, which a schedule does otherwise."""
    client = stage.deployed.target.client("lambda")
    name = stage.deployed.functions["MonitoringRetireFunction"]
    client.invoke(FunctionName=name, Payload=json.dumps({"model": stage.model}))


def _retirement(stage: Stage, name: str) -> dict[str, Any] | None:
    """How far the retirement of a version is; None where it has not begun."""
    for prospect in stage.http.get(f"{stage.path}/retirements")["versions"]:
        if prospect.get("retired") and stage.names.get(prospect["version"]) == name:
            found: dict[str, Any] = prospect["retired"]
            return found
    return None


def _alarm(stage: Stage) -> dict[str, Any]:
    """Have the watch look, until it has an alarm for drift open."""
    asked_at = -_LOOK_SECONDS

    def look() -> dict[str, Any] | None:
        nonlocal asked_at
        if stage.now - asked_at >= _LOOK_SECONDS:
            stage.http.post(f"{stage.path}/looks", {})
            asked_at = stage.now
        view = stage.http.get(f"{stage.path}/watch")
        found = {alarm["finding"]["kind"]: alarm for alarm in reversed(view["open"])}
        return next((found[kind] for kind in _DRIFT if kind in found), None)

    return stage.wait(look, "an alarm")


def _retrained(stage: Stage) -> dict[str, Any]:
    """Wait for the training that the alarm starts, and for its end."""

    def started() -> dict[str, Any] | None:
        found = stage.http.get(f"{stage.path}/retrainings")["retrainings"]
        return next((each for each in found if each["decision"] == "started"), None)

    start = stage.wait(started, "the alarm starts a training")
    stage.tell("the alarm starts a training", start["because"])

    def ended() -> dict[str, Any] | None:
        runs = stage.http.get(f"{stage.path}/trainings")["trainings"]
        return next((run for run in runs if run["training_id"] == start["training_id"]), None)

    run = stage.wait(ended, "training with the new rows")
    if run["outcome"] != "registered":
        raise _untold(f"the training is {run['outcome']}: {'; '.join(run['reasons'])}")
    return registered(stage, run, cast.RETRAINED)


def _answers(stage: Stage, count: int) -> None:
    """Wait until the callers have so many more answers."""
    enough = len(stage.traffic.asked) + count
    stage.wait(lambda: len(stage.traffic.asked) >= enough or None, "the callers go on")


def _failed(stage: Stage) -> int:
    return sum(each.failed for each in stage.traffic.asked)


def _became(record: Mapping[str, Any], state: str) -> None:
    if record["state"] != state:
        raise _untold(
            f"the release {record['id']} is {record['state']}, not {state}: {record['reason']}"
        )


def _champion(stage: Stage, version: str) -> None:
    if stage.champion() != version:
        raise _untold(f"{stage.title(stage.champion())} answers, not {stage.title(version)}")


def _untold(what: str) -> DevkitError:
    return DevkitError(f"The story went otherwise: {what}.", "See: servery logs --since 10m")
