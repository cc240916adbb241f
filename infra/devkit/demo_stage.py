"""`servery demo --stage`: a light model answers at once, a heavy one corrects it a little later."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from devkit import demo, exchange, specs, stage_picture, stages
from devkit.api import api
from devkit.sidebyside import side_by_side

if TYPE_CHECKING:
    from devkit.deployments import Deployed
    from devkit.screen import Screen

LIGHT, HEAVY = "digits-light", "digits-heavy"


@dataclass(frozen=True)
class Shown:
    """What happened: both trainings, and what came of the requests."""

    made: dict[str, demo.Made]
    found: stages.Figures


def run(deployed: Deployed, screen: Screen) -> Shown:
    """Train and release both models, and ask every row that both were tested with.

    Raises:
        DevkitError: a training or a release failed, or a row got no two answers.
    """
    # Before the threads start: msgspec crashes when two of them meet a type for the first time.
    read = {name: specs.load(demo.model_spec(name)) for name in (LIGHT, HEAVY)}
    with screen.doing() as tell, demo.Board(screen, tell) as board:
        made = side_by_side(
            {name: partial(demo.make, deployed, board, read[name], "load") for name in read}
        )
    with api(deployed) as http:
        rows = stages.held_out(deployed, [read[LIGHT], read[HEAVY]], http)
        path = f"/v2/models/{LIGHT}/staged"
        exchange.show(http, screen, path, {"records": [rows[0].record]})
        screen.say()
        with screen.phase("Ask in two stages") as phase, screen.doing() as tell:
            asked = stages.ask(
                http,
                LIGHT,
                rows,
                lambda done: tell(f"{done} of {len(rows)} rows have both answers"),
            )
            phase.detail = f"{len(rows)} requests, {stages.AT_ONCE} at once"
    found = stages.figures(LIGHT, HEAVY, asked)
    stage_picture.show(screen, found)
    screen.say()
    for line in stage_picture.images(asked):
        screen.show(line)
    return Shown(made, found)


def summary(screen: Screen, shown: Shown, *, seconds: float, instance: str) -> None:
    """What it took, and how to go on or stop."""
    other = "" if instance == "demo" else f" INSTANCE={instance}"
    trained = ", ".join(f"{name} {made.output['version']}" for name, made in shown.made.items())
    screen.say()
    screen.say(f"{trained}; all in {seconds:.0f} s", style="dim")
    screen.say(f"Stop     make down{other}")


def as_values(screen: Screen, shown: Shown) -> dict[str, Any]:
    """What happened, for machines."""
    return {
        "phases": [asdict(phase) for phase in screen.phases],
        "trained": {name: asdict(made) for name, made in shown.made.items()},
        "stages": shown.found.values(),
    }
