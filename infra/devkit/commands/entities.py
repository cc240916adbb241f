"""`servery entities ...`: data that graphs look up."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from devkit import entities, exchange
from devkit.command import command
from devkit.commands import options
from devkit.commands.options import Debug, Instance, Json
from devkit.screen import table

group = typer.Typer(help="Data that graphs look up.", no_args_is_help=True)
app = typer.Typer()
app.add_typer(group, name="entities")


@group.command()
def load(
    file: Annotated[Path, typer.Argument(help="Rows: .csv, .json or .jsonl")],
    *,
    entity: Annotated[str, typer.Option(help="Kind of entity, such as customer.")],
    key: Annotated[str, typer.Option(help="Column that the rows are looked up by.")],
    text: Annotated[
        list[str] | None, typer.Option(help="Column of a table that stays text; may be repeated.")
    ] = None,
    seconds: Annotated[
        int | None, typer.Option(min=1, help="How long they are kept; for good if left out.")
    ] = None,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Load a file; what was there under a key is replaced."""
    with command(machine=as_json, debug=debug) as screen:
        started = time.monotonic()
        data = entities.read(file, key, text=text or ())
        with options.api_of(instance) as http, screen.doing() as now:
            total = entities.load(
                http,
                entity,
                data,
                seconds=seconds,
                sent=lambda n: now(f"{entity}: {n:,} of {len(data):,}"),
            )
        screen.done("Loaded", f"{total:,} of {entity}", time.monotonic() - started)
        screen.result({"entity": entity, "loaded": total})


@group.command()
def show(
    entity: Annotated[str, typer.Argument(help="Kind of entity.")],
    key: Annotated[str, typer.Argument(help="Of one of them.")],
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show the data of one entity."""
    with command(machine=as_json, debug=debug) as screen, options.api_of(instance) as http:
        found = entities.get(http, entity, key)
        lines = [[name, exchange.short(value)] for name, value in found.items()]
        screen.show(table(["column", "value"], lines))
        screen.result(found)
