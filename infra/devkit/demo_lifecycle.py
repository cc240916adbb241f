"""`servery demo --lifecycle`: the life of a model in six acts, under requests that never stop."""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import httpx

from devkit import demo_lifecycle_acts as acts
from devkit import demo_lifecycle_cast as cast
from devkit.api import api
from devkit.demo_lifecycle_picture import svg
from devkit.demo_lifecycle_stage import Stage
from devkit.demo_lifecycle_text import lines, told
from devkit.demo_lifecycle_traffic import Rows, Traffic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from devkit.demo_lifecycle_timeline import Asked, Timeline
    from devkit.deployments import Deployed
    from devkit.screen import Screen

PICTURE = "lifecycle.svg"
_SEED = 8
_FAILURES = 20


@dataclass(frozen=True)
class Lived:
    """What came of the story.

    Attributes:
        model: Name of the model, which is in service still.
        timeline: What happened.
        failures: The first requests that failed.
        labels: How many rows the callers have told the truth about.
        picture: Where the drawing is.
    """

    model: str
    timeline: Timeline
    failures: list[Asked]
    labels: int
    picture: Path


def run(deployed: Deployed, screen: Screen, folder: Path) -> Lived:
    """Play all acts, with a model of its own, and draw what happened.

    Args:
        deployed: Where.
        screen: Where each step is told.
        folder: Where the picture goes.

    Raises:
        DevkitError: an act did not come about.
    """
    model = f"{cast.EXAMPLE}-life-{secrets.token_hex(2)}"
    wines = cast.wines()
    with _callers(deployed) as http, api(deployed) as labels, api(deployed) as calls:
        traffic = Traffic(http, labels, model, Rows(wines, seed=_SEED))
        with screen.doing() as doing, contextlib.ExitStack() as calling:
            stage = Stage(deployed, calls, screen, model, traffic, doing)
            acts.in_service(stage, wines, lambda: calling.enter_context(traffic))
            acts.better(stage, wines)
            acts.worse(stage, wines)
            acts.erring(stage, wines)
            acts.drifting(stage)
            acts.retired(stage)
        timeline = stage.timeline()
    picture = folder / PICTURE
    picture.write_text(svg(timeline))
    failures = [asked for asked in traffic.asked if asked.failed][:_FAILURES]
    return Lived(model, timeline, failures, traffic.told, picture)


def summary(screen: Screen, lived: Lived, *, seconds: float, instance: str) -> None:
    """The timeline, what happened, and how to go on or stop."""
    other = "" if instance == "demo" else f" --instance {instance}"
    screen.say()
    for line in lines(lived.timeline):
        screen.show(line)
    screen.say()
    screen.show(told(lived.timeline))
    screen.say()
    screen.say(lived.timeline.told, style="bold")
    for asked in lived.failures:
        screen.say(f"  {asked.status} {asked.said}", style="red")
    screen.say(f"Picture  {lived.picture}")
    screen.say(f"Next     .venv/bin/servery models {lived.model}{other}")
    screen.say("Stop     make down" + (f" INSTANCE={instance}" if other else ""))
    screen.say(f"All in {seconds:.0f} s", style="dim")


def as_values(lived: Lived) -> dict[str, Any]:
    """What happened, for machines."""
    timeline = lived.timeline
    return {
        "model": lived.model,
        "requests": timeline.requests,
        "failed": timeline.failed,
        "labels": lived.labels,
        "median_ms": timeline.milliseconds[0],
        "p99_ms": timeline.milliseconds[1],
        "failures": [asdict(asked) for asked in lived.failures],
        "timeline": asdict(timeline),
        "picture": str(lived.picture),
    }


@contextlib.contextmanager
def _callers(deployed: Deployed) -> Iterator[httpx.Client]:
    """A client for the callers, without a second try of anything."""
    with httpx.Client(
        base_url=deployed.api_url,
        headers={"x-api-key": deployed.api_key},
        timeout=httpx.Timeout(35.0, connect=5.0),
        trust_env=deployed.endpoint_url is None,
    ) as http:
        yield http
