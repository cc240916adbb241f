"""`servery sql`: the prediction log, labels and client events by SQL."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from devkit import instances
from devkit.command import command
from devkit.commands import options
from devkit.commands.options import Debug, Instance, Json
from devkit.errors import UsageError

app = typer.Typer()


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="`SELECT ... FROM requests`, for example.")],
    *,
    model: Annotated[
        list[str] | None, typer.Option(help="Only lines of this model; several may be named.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=400, help="How far back, today included.")] = 7,
    limit: Annotated[int, typer.Option(min=1, help="How many rows at the most.")] = 1000,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV on standard output.")] = False,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Ask the prediction log by SQL.

    There are the tables predictions, labels and events, and the view requests, which joins them.
    """
    with command(machine=as_json or as_csv, debug=debug) as screen:
        if as_json and as_csv:
            raise UsageError("It is either --json or --csv.", "Leave one of them out.")
        from devkit.sql import asking  # noqa: PLC0415 - only where needed

        deployed = options.deployed(instance)
        folder = instances.find(instance).folder / "lake"
        found = asking.ask(query, deployed, folder, model or [], days=days, limit=limit)
        if as_csv:
            sys.stdout.write(found.csv())
        elif as_json:
            screen.result(found.plain())
        else:
            found.show(screen)
