"""`servery models ...`: what there is, and what comes from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from typer.core import TyperGroup

from devkit import imports, outcomes, training, views
from devkit.api import api
from devkit.command import command
from devkit.commands import options
from devkit.commands.options import Debug, Instance, Json

_HELP = ("-h", "--help")


class _Shown(TyperGroup):
    """A group whose first word may be what `show` takes: `servery models iris`, or nothing."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - click's, of typer
        """Put `show` before what is neither a command of the group nor a call for help."""
        if not args or (args[0] not in self.commands and args[0] not in _HELP):
            args = ["show", *args]
        return super().parse_args(ctx, args)


group = typer.Typer(
    cls=_Shown,
    help="List the models, or show one: servery models [NAME] [--json] [--debug]. Import one that "
    "was trained elsewhere: servery models import FILE.",
)
app = typer.Typer()
app.add_typer(group, name="models")


@group.command()
def show(
    name: Annotated[str | None, typer.Argument(help="One model in detail.")] = None,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """List the models; with a name: versions, trainings and deployment of one."""
    with command(machine=as_json, debug=debug) as screen, options.api_of(instance) as http:
        if name is None:
            listed = views.models(http)
            screen.show(views.models_table(listed))
            screen.result(listed)
        else:
            detail = views.model(http, name)
            views.show_model(screen, detail)
            screen.result(detail)


@group.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="ONNX or skops; what it is, its content says.")],
    *,
    sample: Annotated[
        Path, typer.Option(help="A CSV file of good rows; the signature is taken from it.")
    ],
    name: Annotated[str | None, typer.Option(help="Of the model; else as --spec says.")] = None,
    owner: Annotated[str | None, typer.Option(help="Who answers for it.")] = None,
    target: Annotated[
        str | None, typer.Option(help="Column of the sample that the model predicts, if it has it.")
    ] = None,
    unit: Annotated[
        list[str] | None,
        typer.Option(help="NAME=UNIT, or UNIT for all others; 1 where there is none."),
    ] = None,
    allowed: Annotated[
        list[str] | None,
        typer.Option("--range", help="NAME=LOW:HIGH, or NAME= for no bounds."),
    ] = None,
    ranged: Annotated[
        bool, typer.Option("--ranges/--no-ranges", help="Whether the sample's ranges bound input.")
    ] = True,
    description: Annotated[str | None, typer.Option(help="For people.")] = None,
    production_metric: Annotated[
        str | None, typer.Option(help="The figure that production judges it by.")
    ] = None,
    spec: Annotated[
        Path | None, typer.Option(help="A model spec that says all of this, and the columns.")
    ] = None,
    trusted: Annotated[
        bool, typer.Option("--i-trust-this-file", help="Open a pickle, which runs as code.")
    ] = False,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Import a model that was trained elsewhere: registered, or refused (status 1).

    Numbers are asked in the order of the sample's columns, then text; the model has to take them so
    too, or by name.
    """
    with command(machine=as_json, debug=debug) as screen:
        kind = imports.check_file(file, trusted=trusted)
        about = {"name": name, "owner": owner, "description": description}
        asked = imports.Asked(
            model=file,
            sample=sample,
            spec=imports.read_spec(spec, {**about, "production_metric": production_metric}),
            wishes=imports.read_wishes(
                target=target, units=unit or [], ranges=allowed or [], ranged=ranged
            ),
            trusted=trusted,
        )
        deployed = options.deployed(instance)
        with screen.phase("Upload and start") as phase:
            started = imports.start(deployed, asked)
            phase.detail = f"{kind}, {started.training_id}"
        output = training.shown(deployed, started, screen)
        screen.say(f"{output['model']} was {outcomes.sentence(output)}")
        if output["outcome"] == "registered":
            with api(deployed) as http:
                kept = http.get(f"/models/{quote(output['model'], safe='')}")["spec"]
            screen.show(imports.signature_table(kept["data"]["columns"]))
            screen.say(f"Release it: servery release {output['model']} {output['version']}")
        screen.result(output)
        if output["outcome"] != "registered":
            raise typer.Exit(1)
