"""`servery batch ...`: files of rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from devkit import batch_files, batch_views, batch_watch, batches
from devkit.api import Api, api
from devkit.command import command
from devkit.commands import options
from devkit.commands.options import Debug, Instance, Json, Limit, OfModel
from devkit.screen import Screen

group = typer.Typer(help="Files of rows, predicted in chunks.", no_args_is_help=True)
app = typer.Typer()
app.add_typer(group, name="batch")

BatchId = Annotated[str, typer.Argument(metavar="ID", help="Id of the batch.")]
Watch = Annotated[
    bool, typer.Option("--watch", help="Until it is over; status 1 when it has failed.")
]


@group.command()
def submit(
    file: Annotated[Path, typer.Argument(help=".csv, .jsonl, .ndjson (also with .gz) or .parquet")],
    *,
    model: Annotated[str, typer.Option("--model", "-m", help="Who is asked.")],
    output: Annotated[
        Literal["csv", "jsonl", "parquet"] | None, typer.Option(help="As the input if left out.")
    ] = None,
    id_column: Annotated[
        list[str] | None, typer.Option(help="Passed through; may be repeated.")
    ] = None,
    max_rejected: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of rows that may be bad.")
    ] = None,
    rerun_policy: Annotated[
        Literal["all", "failed", "none"] | None,
        typer.Option("--rerun", help="What becomes of a file that was predicted before."),
    ] = None,
    watch_it: Watch = False,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Drop a file into the inbox; what is left out is as the model's spec says."""
    with command(machine=as_json, debug=debug) as screen:
        batches.check_name(file)
        deployed = options.deployed(instance)
        said = batches.metadata(
            output=output, id_columns=id_column or (), max_rejected=max_rejected, rerun=rerun_policy
        )
        with api(deployed) as http:
            batches.check_model(http, model)
            batch = batches.drop(deployed, http, screen, model=model, file=file, metadata=said)
            _shown(http, batch, screen, watch_it=watch_it)


def _shown(http: Api, batch: dict[str, Any], screen: Screen, *, watch_it: bool) -> None:
    """The end of a command that has begun a batch: watch it, or say how to."""
    if not watch_it:
        screen.say(f"Batch {batch['id']} is {batch['state']}.")
        screen.say(f"Watch it: servery batch watch {batch['id']}")
        screen.result(batch)
        return
    batch = batch_watch.watch(http, batch, screen)
    batch_views.show(screen, batch)
    screen.result(batch)
    if batch["state"] == "failed":
        raise typer.Exit(1)


@group.command()
def watch(
    batch_id: BatchId, instance: Instance = "demo", as_json: Json = False, debug: Debug = False
) -> None:
    """Show how far a batch is until it is over; status 1 when it has failed."""
    with command(machine=as_json, debug=debug) as screen, options.api_of(instance) as http:
        _shown(http, batches.get(http, batch_id), screen, watch_it=True)


@group.command("list")
def list_command(
    model: OfModel = None,
    *,
    state: Annotated[str | None, typer.Option(help=f"One of {', '.join(batches.STATES)}.")] = None,
    limit: Limit = 20,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """List batches, the newest first."""
    with command(machine=as_json, debug=debug) as screen:
        options.list_newest(
            screen,
            instance,
            "/batches",
            "batches",
            shown=batch_views.batches_table,
            states=batches.STATES,
            state=state,
            limit=limit,
            model=model,
        )


@group.command()
def show(
    batch_id: BatchId, instance: Instance = "demo", as_json: Json = False, debug: Debug = False
) -> None:
    """Show one batch: its rows, and where its files are."""
    with command(machine=as_json, debug=debug) as screen, options.api_of(instance) as http:
        batch = batches.get(http, batch_id)
        batch_views.show(screen, batch)
        screen.result(batch)


@group.command()
def fetch(
    batch_id: BatchId,
    *,
    to: Annotated[Path | None, typer.Option(help="Folder; ./ID if left out.")] = None,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Download a batch's parts, rejects and manifest, and check the parts."""
    with command(machine=as_json, debug=debug) as screen:
        deployed = options.deployed(instance)
        with api(deployed) as http:
            batch = batches.get(http, batch_id)
        uris, folder = batch_files.of(batch), to or Path(batch_id)
        with screen.doing() as now:
            paths = batch_files.fetch(deployed.target.client("s3"), uris, folder, got=now)
        screen.done("Fetched", f"{len(paths):,} files into {folder}")
        screen.result({"id": batch_id, "files": [str(path) for path in paths]})


@group.command()
def rerun(
    batch_id: BatchId,
    *,
    policy: Annotated[
        Literal["failed", "all"], typer.Option(help="Only the failed chunks, or all of them.")
    ] = "failed",
    watch_it: Watch = False,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Run a batch that is over again."""
    with command(machine=as_json, debug=debug) as screen, options.api_of(instance) as http:
        _shown(http, batches.rerun(http, batch_id, policy), screen, watch_it=watch_it)
