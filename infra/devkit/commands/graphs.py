"""`servery graphs ...`: several models as one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from devkit import graph_jobs, graph_views, graphs
from devkit.api import Api
from devkit.command import command
from devkit.commands import options
from devkit.commands.options import Debug, Instance, Json, Limit
from devkit.errors import DevkitError
from devkit.screen import Screen

group = typer.Typer(help="Several models as one.", no_args_is_help=True)
app = typer.Typer()
app.add_typer(group, name="graphs")

Name = Annotated[str, typer.Argument(help="Name of the graph.")]


@group.command()
def apply(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A YAML file, or an example.")],
    *,
    revision: Annotated[
        int | None, typer.Option(min=1, help="Only if the graph is at this revision.")
    ] = None,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Register a graph, or a change of one; it is checked against the models that it names."""
    with command(machine=as_json, debug=debug) as screen:
        spec = graphs.load(file, Path(file))
        with options.api_of(instance) as http:
            what, record = graphs.apply(http, spec, revision=revision)
        name = record["spec"]["name"]
        screen.say(f"{name} is {what}, revision {record['revision']}.")
        screen.say(f"Look at it: servery graphs show {name}")
        screen.result(record)


@group.command("list")
def list_command(
    *,
    limit: Limit = 100,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """List the graphs by name."""
    with command(machine=as_json, debug=debug) as screen, options.api_of(instance) as http:
        found = http.listed("/graphs", "graphs", limit)
        if found:
            screen.show(graph_views.graphs_table(found))
        else:
            screen.say(f"No graphs. Examples: {', '.join(graphs.examples())}")
        screen.result(found)


@group.command()
def show(
    name: Annotated[str, typer.Argument(help="A graph, or a file that is not registered yet.")],
    *,
    svg: Annotated[Path | None, typer.Option(help="Write the picture into this file.")] = None,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Draw a graph: what runs side by side, and what flows between."""
    with command(machine=as_json, debug=debug) as screen:
        if Path(name).is_file():
            record: dict[str, Any] = {"spec": graphs.load(name, Path(name))}
        else:
            with options.api_of(instance) as http:
                record = graphs.get(http, name)
        _draw(screen, record, svg)
        screen.result(record)


def _draw(screen: Screen, content: dict[str, Any], svg: Path | None) -> None:
    import msgspec  # noqa: PLC0415 - the library only where needed
    from servery.domain.graph_records import GraphRecord  # noqa: PLC0415

    from devkit import graph_svg, graph_text  # noqa: PLC0415

    try:
        record = msgspec.convert({"revision": 0, "registered": "", **content}, GraphRecord)
    except msgspec.ValidationError as error:
        raise DevkitError(f"This is no valid graph: {error}") from error
    graph_views.show(screen, record, graph_text.picture(record, screen.console.width))
    if svg is not None:
        svg.write_text(graph_svg.svg(record), encoding="utf-8")
        screen.done("Picture", str(svg))


@group.command()
def remove(
    name: Name, instance: Instance = "demo", as_json: Json = False, debug: Debug = False
) -> None:
    """Take a graph out; its models stay."""
    with command(machine=as_json, debug=debug) as screen, options.api_of(instance) as http:
        graphs.remove(http, name)
        screen.say(f"{name} is removed.")
        screen.result({"name": name, "removed": True})


@group.command()
def ask(
    name: Name,
    *,
    record: Annotated[
        list[str] | None, typer.Option(help="A row as JSON; may be repeated.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="Rows: .json, .jsonl or .csv")] = None,
    steps: Annotated[bool, typer.Option("--steps", help="What each step said, too.")] = False,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Ask a graph."""
    with command(machine=as_json, debug=debug) as screen, options.api_of(instance) as http:
        asked = graphs.gather(http, name, screen, records=record, file=file)
        answer = graphs.ask(http, name, asked, steps=steps)
        graph_views.show_answer(screen, answer)
        screen.result(answer)


@group.command()
def submit(
    name: Name,
    *,
    record: Annotated[
        list[str] | None, typer.Option(help="A row as JSON; may be repeated.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="Rows: .json, .jsonl or .csv")] = None,
    key: Annotated[
        str | None, typer.Option(help="Idempotency key: the same again is the same job.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Until it has ended; status 1 unless done.")
    ] = False,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Ask a graph, and be answered later."""
    with command(machine=as_json, debug=debug) as screen, options.api_of(instance) as http:
        asked = graphs.gather(http, name, screen, records=record, file=file)
        submitted = graph_jobs.submit(http, name, asked, key=key)
        if wait:
            _await(http, screen, submitted)
            return
        screen.say(f"Job {submitted['id']} is {submitted['state']}.")
        screen.say(f"Look at it: servery graphs job {name} {submitted['id']}")
        screen.result(submitted)


@group.command()
def job(
    name: Name,
    job_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the job.")],
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Until it has ended; status 1 unless done.")
    ] = False,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show one job of a graph: its parts and, once it has ended, its answer."""
    with command(machine=as_json, debug=debug) as screen, options.api_of(instance) as http:
        found = graph_jobs.get(http, name, job_id)
        if wait:
            _await(http, screen, found)
            return
        graph_jobs.show(screen, found)
        screen.result(found)


@group.command()
def jobs(
    name: Name,
    *,
    state: Annotated[
        str | None, typer.Option(help=f"One of {', '.join(graph_jobs.STATES)}.")
    ] = None,
    limit: Limit = 20,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """List the jobs of a graph, the newest first."""
    with command(machine=as_json, debug=debug) as screen:
        options.list_newest(
            screen,
            instance,
            graph_jobs.jobs_path(name),
            "jobs",
            shown=graph_jobs.jobs_table,
            states=graph_jobs.STATES,
            state=state,
            limit=limit,
        )


def _await(http: Api, screen: Screen, submitted: dict[str, Any]) -> None:
    """Wait for the end of a job and show it; status 1 unless it is done."""
    with screen.phase(f"Job of {submitted['graph']}") as phase:
        ended = graph_jobs.wait(http, submitted)
        phase.detail = f"{ended['state']} {ended['id']}"
    graph_jobs.show(screen, ended)
    screen.result(ended)
    if ended["state"] != "done":
        raise typer.Exit(1)
