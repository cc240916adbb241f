"""`servery drift`, `compare`, `experiment`: how a model does, and versions beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from devkit import comparisons, drift, experiments, lake
from devkit.command import command
from devkit.commands import options
from devkit.commands.options import Debug, Instance, Json, Model

app = typer.Typer()

Days = Annotated[int, typer.Option(min=1, max=400, help="How far back, today included.")]


@app.command("drift")
def show_drift(
    model: Model,
    *,
    now: Annotated[bool, typer.Option("--now", help="Look now, and wait for it.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write the page with the charts to this file.")
    ] = None,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what the watch says of a model: open alarms, and inputs and answers then and now."""
    with command(machine=as_json, debug=debug) as screen, options.api_of(instance) as http:
        found = drift.look_now(http, model) if now else drift.read(http, model)
        drift.show(screen, found)
        if html is not None:
            html.write_text(drift.page(found), encoding="utf-8")
            screen.done("Page", str(html))
        screen.result(drift.plain(found))


@app.command()
def compare(
    model: Model,
    days: Days = 7,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show how a shadow's answers compare to those that were given."""
    with command(machine=as_json, debug=debug) as screen:
        found = comparisons.reports(
            lake.of(options.deployed(instance)), model, lake.last_days(days)
        )
        if not found:
            screen.say(f"Nothing of {model} was compared in the last {days} days.")
            screen.say(
                "Set a shadow: servery deployment edit MODEL --set routing.shadow.version=VERSION",
                style="dim",
            )
        for place, report in enumerate(found):
            if place:
                screen.say()
            comparisons.show(screen, report)
        screen.result(comparisons.plain(found))


@app.command()
def experiment(
    model: Model,
    *,
    name: Annotated[
        str | None, typer.Option(help="Of the experiment; the one that runs if left out.")
    ] = None,
    days: Days = 30,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what an online test comes to, and how sure that is."""
    with command(machine=as_json, debug=debug) as screen:
        deployed = options.deployed(instance)
        with options.api_of(instance) as http:
            asked = experiments.question(http, model, name)
        found = experiments.report(lake.of(deployed), asked, lake.last_days(days))
        experiments.show(screen, found)
        screen.result(comparisons.plain(found))
