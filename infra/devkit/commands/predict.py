"""`servery predict`: ask a model and wait for the answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from devkit import predictions
from devkit.command import command
from devkit.commands import options
from devkit.commands.options import Debug, Instance, Json, Model

app = typer.Typer()


@app.command()
def predict(
    model: Model,
    *,
    record: Annotated[
        list[str] | None, typer.Option(help="A row as JSON; may be repeated.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="Rows: .json, .jsonl or .csv")] = None,
    example: Annotated[bool, typer.Option("--example", help="A typical row.")] = False,
    version: Annotated[str | None, typer.Option(help="This version, not the champion.")] = None,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Ask a model."""
    with command(machine=as_json, debug=debug) as screen:
        with options.api_of(instance) as http:
            asked = predictions.gather(
                http, model, screen, records=record, file=file, example=example
            )
            answer = predictions.ask(http, model, asked, version=version)
        predictions.show(screen, answer)
        screen.result(answer)
