"""`servery release ...`: a version on its way to its traffic."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from devkit import release_views, release_watch, releases
from devkit.command import command
from devkit.commands import options
from devkit.commands.groups import Started
from devkit.commands.options import Debug, Instance, Json, Limit, Model
from devkit.errors import UsageError

_PLACES = {"champion": "release", "candidate": "candidate"}

group = typer.Typer(
    cls=Started,
    help="Bring a version to its traffic: servery release MODEL [VERSION].",
    no_args_is_help=True,
)
app = typer.Typer()
app.add_typer(group, name="release")

ReleaseId = Annotated[
    str | None, typer.Argument(metavar="[ID]", help="Of the release; the newest if left out.")
]
Comment = Annotated[str, typer.Option("--comment", "-m", help="Why, for the record.")]


@group.command()
def start(
    model: Model,
    version: Annotated[str | None, typer.Argument(help="The newest when left out.")] = None,
    *,
    trained: Annotated[
        str | None, typer.Option("--training", help="Which training of it, such as tr0.")
    ] = None,
    mode: Annotated[str | None, typer.Option(help="image or load; else as the spec says.")] = None,
    place: Annotated[
        str, typer.Option("--as", help="champion, or candidate: served beside it, for policies.")
    ] = "champion",
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Make a registered version answer; the word `start` can be left out.

    Nothing changes for callers unless it proves ready, and keeps to every bound of its stages.
    Of a pair, the preprocessor that was trained with it is released first.
    """
    with command(machine=as_json, debug=debug) as screen:
        if mode not in (None, "image", "load"):
            raise UsageError(f"There is no mode {mode!r}.", "Say image or load.")
        if place not in _PLACES:
            raise UsageError(f"Nothing is released as {place!r}.", "Say champion or candidate.")
        with options.api_of(instance) as http, screen.phase(f"Release {model}") as phase:
            record = releases.release(
                http,
                model,
                version=version,
                training=trained,
                mode=mode,
                kind=_PLACES[place],
                step=lambda step: releases.say(screen, step),
            )
            phase.detail = f"as {record.get('released_as', '')}"
        screen.result(record)


@group.command()
def watch(
    model: Model,
    release: ReleaseId = None,
    *,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show a release until it has ended; status 0 when it came to its end, 1 when it did not."""
    with command(machine=as_json, debug=debug) as screen:
        with options.api_of(instance) as http:
            record = releases.found(http, model, release, open_only=False)
            plan = releases.plan_of(http, model)
            record = release_watch.watch(http, record, plan, screen)
        screen.result(record)
        if record["state"] != release_watch.SUCCEEDED:
            raise typer.Exit(1)


@group.command()
def show(
    model: Model,
    release: ReleaseId = None,
    *,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show a release as it is: its steps, how its stages were judged, and why it ended."""
    with command(machine=as_json, debug=debug) as screen:
        with options.api_of(instance) as http:
            record = releases.found(http, model, release, open_only=False)
            plan = releases.plan_of(http, model)
        release_watch.show(record, plan, screen, datetime.now(UTC))
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
    """List the releases of a model, the newest first."""
    with command(machine=as_json, debug=debug) as screen:
        with options.api_of(instance) as http:
            found = releases.listed(http, model, limit)
        if found:
            screen.show(release_views.releases_table(found))
        else:
            screen.say(f"Nothing of {model} was released.")
        screen.result(found)


@group.command()
def approve(
    model: Model,
    release: ReleaseId = None,
    *,
    comment: Comment = "",
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Let a release go on that waits for a person."""
    _answer(model, release, comment, instance, approve=True, machine=as_json, debug=debug)


@group.command()
def decline(
    model: Model,
    release: ReleaseId = None,
    *,
    comment: Comment = "",
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Refuse a release that waits for a person."""
    _answer(model, release, comment, instance, approve=False, machine=as_json, debug=debug)


@group.command()
def abort(
    model: Model,
    release: ReleaseId = None,
    *,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Stop a release: the champion answers alone from now on."""
    with command(machine=as_json, debug=debug) as screen:
        with (
            options.api_of(instance) as http,
            screen.phase(f"Stop {model}") as phase,
        ):
            found = releases.found(http, model, release, open_only=True)
            record = releases.abort(http, found, reason)
            phase.detail = record["id"]
        screen.say(f"See how it ends: servery release watch {model} {record['id']}")
        screen.result(record)


def _answer(
    model: str,
    release: str | None,
    comment: str,
    instance: str,
    *,
    approve: bool,
    machine: bool,
    debug: bool,
) -> None:
    word = "Approve" if approve else "Decline"
    with command(machine=machine, debug=debug) as screen:
        with options.api_of(instance) as http, screen.phase(f"{word} {model}") as phase:
            found = releases.found(http, model, release, open_only=True)
            record = releases.answer(http, found, approve=approve, comment=comment)
            phase.detail = record["id"]
        screen.say(f"See how it goes on: servery release watch {model} {record['id']}")
        screen.result(record)
