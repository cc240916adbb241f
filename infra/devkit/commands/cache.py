"""`servery cache ...`: what repeats are answered from."""

from __future__ import annotations

from typing import Annotated

import typer

from devkit import caches
from devkit.command import command
from devkit.commands import options
from devkit.commands.options import Debug, Instance, Json, Model
from devkit.errors import UsageError
from devkit.screen import table

group = typer.Typer(help="What repeats are answered from.", no_args_is_help=True)
app = typer.Typer()
app.add_typer(group, name="cache")

_FROM = ("lake", "batch")


@group.command()
def show(
    model: Model, instance: Instance = "demo", as_json: Json = False, debug: Debug = False
) -> None:
    """Show the settings, the hit ratio and the last warm-up."""
    with command(machine=as_json, debug=debug) as screen, options.api_of(instance) as http:
        view = caches.show(http, model)
        screen.show(caches.view_table(view))
        screen.result(view)


@group.command()
def warm(
    model: Model,
    batch: Annotated[
        str | None, typer.Argument(metavar="[BATCH]", help="Id of the batch, with --from batch.")
    ] = None,
    *,
    origin: Annotated[
        str, typer.Option("--from", help="lake: the prediction log; batch: the file of a batch.")
    ] = "lake",
    days: Annotated[int, typer.Option(min=1, help="Days of the log, today included.")] = 7,
    version: Annotated[
        str | None, typer.Option(help="A served version, such as a candidate; else the champion.")
    ] = None,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Fill it with what was asked before, and show how much of that it answers."""
    with command(machine=as_json, debug=debug) as screen:
        if origin not in _FROM:
            raise UsageError(f"There is no --from {origin!r}.", f"Say {' or '.join(_FROM)}.")
        if (origin == "batch") != (batch is not None):
            raise UsageError(
                "A batch goes with --from batch.", f"servery cache warm {model} --from batch ID"
            )
        asked = {"from": origin, "batch": batch or "", "version": version or "", "days": days}
        with options.api_of(instance) as http, screen.phase(f"Warm {model}") as phase:
            with screen.doing() as now:
                done = caches.warm(
                    http, model, asked, told=lambda warm_up: now(caches.progress(warm_up))
                )
            phase.detail = f"{done['coverage']['asked']:.1%} of what was asked"
        screen.show(table(["what", model], caches.figures(done)))
        screen.result(done)


@group.command()
def purge(
    model: Model, instance: Instance = "demo", as_json: Json = False, debug: Debug = False
) -> None:
    """Forget everything that it keeps of a model."""
    with command(machine=as_json, debug=debug) as screen, options.api_of(instance) as http:
        with screen.phase(f"Purge {model}") as phase:
            deployment = caches.purge(http, model)
            phase.detail = f"revision {deployment['revision']}, in force within 5 s"
        screen.result(deployment)
