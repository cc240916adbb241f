"""`servery jobs ...`: requests that are answered later."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from devkit import callback_secret, jobs, predictions
from devkit.command import command
from devkit.commands import options
from devkit.commands.options import Debug, Instance, Json, Limit, Model, OfModel

group = typer.Typer(help="Requests that are answered later.", no_args_is_help=True)
app = typer.Typer()
app.add_typer(group, name="jobs")

JobId = Annotated[str, typer.Argument(metavar="ID", help="Id of the job.")]


@group.command()
def submit(
    model: Model,
    *,
    record: Annotated[
        list[str] | None, typer.Option(help="A row as JSON; may be repeated.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="Rows: .json, .jsonl or .csv")] = None,
    example: Annotated[bool, typer.Option("--example", help="A typical row.")] = False,
    key: Annotated[
        str | None, typer.Option(help="Idempotency key: the same again is the same job.")
    ] = None,
    callback_url: Annotated[
        str | None, typer.Option(help="Where the finished job is sent to, signed.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Until it is over; status 1 unless done.")
    ] = False,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Submit rows as a job."""
    with command(machine=as_json, debug=debug) as screen, options.api_of(instance) as http:
        asked = predictions.gather(http, model, screen, records=record, file=file, example=example)
        job = jobs.submit(http, model, asked, key=key, callback_url=callback_url)
        if not wait:
            screen.say(f"Job {job['id']} is {job['state']}.")
            screen.say(f"Look at it: servery jobs show {job['id']}")
            screen.result(job)
            return
        with screen.phase(f"Job of {model}") as phase:
            job = jobs.wait(http, job)
            phase.detail = f"{job['state']} {job['id']}"
        jobs.show(screen, job)
        screen.result(job)
        if job["state"] != "done":
            raise typer.Exit(1)


@group.command("list")
def list_command(
    model: OfModel = None,
    *,
    state: Annotated[str | None, typer.Option(help=f"One of {', '.join(jobs.STATES)}.")] = None,
    limit: Limit = 20,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """List jobs, the newest first."""
    with command(machine=as_json, debug=debug) as screen:
        options.list_newest(
            screen,
            instance,
            "/jobs",
            "jobs",
            shown=jobs.jobs_table,
            states=jobs.STATES,
            state=state,
            limit=limit,
            model=model,
        )


@group.command()
def show(
    job_id: JobId, instance: Instance = "demo", as_json: Json = False, debug: Debug = False
) -> None:
    """Show one job and, once it is done, its result."""
    with command(machine=as_json, debug=debug) as screen, options.api_of(instance) as http:
        job = jobs.get(http, job_id)
        jobs.show(screen, job)
        screen.result(job)


@group.command()
def cancel(
    job_id: JobId, instance: Instance = "demo", as_json: Json = False, debug: Debug = False
) -> None:
    """Cancel a job that has not started."""
    with command(machine=as_json, debug=debug) as screen, options.api_of(instance) as http:
        job = jobs.cancel(http, job_id)
        screen.say(f"Job {job['id']} is {job['state']}.")
        screen.result(job)


@group.command()
def redrive(
    model: OfModel = None, instance: Instance = "demo", as_json: Json = False, debug: Debug = False
) -> None:
    """Give jobs that failed for good their tries again."""
    with command(machine=as_json, debug=debug) as screen, options.api_of(instance) as http:
        answer = jobs.redrive(http, model)
        for job_id in answer["redriven"]:
            screen.say(job_id)
        screen.say(f"Driven again: {len(answer['redriven'])}")
        if answer["left"]:
            screen.say("There may be more: the same command again, in a minute.", style="yellow")
        screen.result(answer)


@group.command()
def secret(
    *,
    rotate: Annotated[bool, typer.Option("--rotate", help="Put a new one in its place.")] = False,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show the secret that callbacks are signed with."""
    with command(machine=as_json, debug=debug) as screen:
        answer = callback_secret.read(options.deployed(instance), rotate=rotate)
        screen.say(answer["secret"])
        if rotate:
            screen.say("For five minutes callbacks may still be signed with the old one.")
        screen.result(answer)
