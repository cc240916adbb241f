"""`servery search ...`: for an estimator and its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from devkit import search_views, search_watch, searches
from devkit.api import api
from devkit.command import command
from devkit.commands import options
from devkit.commands.groups import Started
from devkit.commands.options import Debug, Instance, Json, Limit, Model
from devkit.screen import Screen
from devkit.search_page import page
from devkit.search_reading import read

_SHOWN = 10


group = typer.Typer(
    cls=Started,
    help="Search for an estimator and its parameters: servery search SPEC.",
    no_args_is_help=True,
)
app = typer.Typer()
app.add_typer(group, name="search")

SearchId = Annotated[
    str | None, typer.Argument(metavar="[ID]", help="Of the search; the newest if left out.")
]


@group.command()
def start(
    spec: Annotated[str, typer.Argument(help="A YAML file, an example, or a registered model.")],
    *,
    algorithm: Annotated[
        Literal["grid", "random", "tpe", "halving"] | None,
        typer.Option(help="How trials are chosen; what is left out is as the spec says."),
    ] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="How many at the most.")] = None,
    at_once: Annotated[int | None, typer.Option(min=1, help="How many run together.")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="The same seed gives the same result.")
    ] = None,
    register: Annotated[
        bool | None,
        typer.Option("--register/--no-register", help="Whether the winner becomes a version."),
    ] = None,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Search by a spec and show how it goes; the word `start` can be left out."""
    with command(machine=as_json, debug=debug) as screen:
        deployed = options.deployed(instance)
        with api(deployed) as http:
            with screen.phase("Upload and start") as phase:
                asked = searches.asked(
                    deployed,
                    spec,
                    algorithm=algorithm,
                    trials=trials,
                    at_once=at_once,
                    seed=seed,
                    register=register,
                )
                record = searches.start(http, asked)
                phase.detail = record["id"]
            record = search_watch.watch(http, record, screen)
        search_views.show(screen, read(record), trials=_SHOWN)
        if record["winner"]:
            screen.say(f"The chosen spec: servery search show {record['model']} --spec chosen.yaml")
        _advise(screen, record)
        screen.result(record)
        if record["state"] != "succeeded":
            raise typer.Exit(1)


def _advise(screen: Screen, record: Mapping[str, Any]) -> None:
    """How a search goes on that the system let down."""
    if record["state"] == "failed":
        screen.say(f"Go on: servery search resume {record['model']} {record['id']}")


@group.command()
def show(
    model: Model,
    search: SearchId = None,
    *,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with charts: history, parallel coordinates.")
    ] = None,
    spec: Annotated[
        Path | None, typer.Option(help="Write the chosen spec, ready to be trained.")
    ] = None,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show a search: what it came to, its history, and all of its trials, the best first."""
    with command(machine=as_json, debug=debug) as screen, options.api_of(instance) as http:
        record = searches.get(http, model, search or searches.newest(http, model))
        study = read(record)
        search_views.show(screen, study)
        _advise(screen, record)
        if html is not None:
            html.write_text(page(study), encoding="utf-8")
            screen.done("Page", str(html))
        if spec is not None:
            spec.write_text(searches.chosen(record), encoding="utf-8")
            screen.done("Chosen spec", str(spec))
        screen.result(record)


@group.command("list")
def list_command(
    model: Model,
    *,
    limit: Limit = 20,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """List the searches of a model, the newest first."""
    with command(machine=as_json, debug=debug) as screen:
        with options.api_of(instance) as http:
            found = searches.listed(http, model, limit)
        if found:
            screen.show(search_views.searches_table(found))
        else:
            screen.say(f"Nothing has been searched for {model}.")
        screen.result(found)


@group.command()
def stop(
    model: Model,
    search: SearchId = None,
    *,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Begin no more trials; the best so far is the winner."""
    with command(machine=as_json, debug=debug) as screen, options.api_of(instance) as http:
        record = searches.stop(http, model, search or searches.newest(http, model))
        screen.say(f"{record['id']} ends with the trials that have begun.")
        screen.result(record)


@group.command()
def resume(
    model: Model,
    search: SearchId = None,
    *,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Go on with a search that the system let down; no trial is run again."""
    with command(machine=as_json, debug=debug) as screen, options.api_of(instance) as http:
        record = searches.resume(http, model, search or searches.newest(http, model))
        screen.say(f"{record['id']} goes on: servery search show {model} {record['id']}")
        screen.result(record)
