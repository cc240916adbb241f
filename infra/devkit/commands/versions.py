"""`servery lineage`, `diff`, `data`, `fit`, `audit`: what a version is, and where it came from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote, urlencode

import typer

from devkit import lake, lineage, stored_rows, version_views, views
from devkit.api import api
from devkit.command import command
from devkit.commands import options
from devkit.commands.options import Debug, Instance, Json, Model, OfModel
from devkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from devkit.deployments import Deployed
    from devkit.screen import Screen

app = typer.Typer()
Version = Annotated[str, typer.Argument(help="Development or production version.")]
Training = Annotated[
    str | None,
    typer.Option("--training", help="tr0, tr1, ...; the released one, or the last, if left out."),
]


@app.command(name="lineage")
def trace(
    model: OfModel = None,
    version: Annotated[
        str | None,
        typer.Argument(metavar="[VERSION]", help="The champion, or the newest, if left out."),
    ] = None,
    *,
    request: Annotated[
        str | None, typer.Option("--request", help="Id of a request: what answered it?")
    ] = None,
    trained: Training = None,
    days: Annotated[int, typer.Option(min=1, max=400, help="How far back to look for it.")] = 7,
    svg: Annotated[Path | None, typer.Option(help="Write the picture into this file.")] = None,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Draw from what data, split, code and training a version came, and who serves it.

    With --request from a prediction back to the rows that its model was trained on.
    """
    with command(machine=as_json, debug=debug) as screen:
        if request is None and model is None:
            raise UsageError("Of what?", "Say MODEL [VERSION], or --request ID.")
        if request is not None and (version or trained):
            raise UsageError("A request says itself which version answered it.", "Leave it out.")
        deployed = options.deployed(instance)
        with api(deployed) as http:
            if request is not None:
                among = [model] if model else [m["name"] for m in views.models(http)]
                with screen.phase("Look into the prediction log"):
                    found = lineage.find_request(
                        lake.of(deployed), request, among, lake.last_days(days)
                    )
                told = lineage.of_request(http, found)
            else:
                told = lineage.of_version(http, str(model), version, trained)
        _draw(screen, told, svg)
        screen.result(told)


def _draw(screen: Screen, told: dict[str, Any], svg: Path | None) -> None:
    from devkit import graph_svg, graph_text, graph_views, lineage_picture  # noqa: PLC0415
    from devkit.screen import table  # noqa: PLC0415

    layout = lineage_picture.layout(told)
    for line in graph_text.drawn(layout, screen.console.width):
        screen.show(graph_views.coloured(line))
    screen.say()
    digests = lineage_picture.digests(told)
    screen.show(table(["", "SHA-256"], [[name, digest] for name, digest in digests]))
    if svg is not None:
        about = f"{told['model']} {told['asked']}"
        svg.write_text(graph_svg.document(layout, f"Lineage of {about}", about), encoding="utf-8")
        screen.done("Picture", str(svg))


@app.command()
def diff(
    model: Model,
    before: Annotated[str, typer.Argument(metavar="V1", help="A version.")],
    after: Annotated[str, typer.Argument(metavar="V2", help="Another one, or the same.")],
    *,
    trained: Annotated[str | None, typer.Option("--training", help="Of V1.")] = None,
    with_trained: Annotated[str | None, typer.Option("--with-training", help="Of V2.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what is the same.")] = False,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what is another in V2 than in V1, in words and figures."""
    with command(machine=as_json, debug=debug) as screen, options.api_of(instance) as http:
        asked = {"with": after, "training": trained, "with_training": with_trained}
        query = urlencode({name: value for name, value in asked.items() if value})
        found = http.get(f"/models/{_q(model)}/versions/{_q(before)}/diff?{query}")
        version_views.show_diff(screen, found, everything=everything)
        screen.result(found)


@app.command()
def data(
    model: Model,
    version: Version,
    *,
    out: Annotated[
        Path | None, typer.Option(help="Folder for them; MODEL-VERSION if left out.")
    ] = None,
    trained: Training = None,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Fetch the rows that a version was made of again: the same ones, train and test apart."""
    with command(machine=as_json, debug=debug) as screen:
        deployed = options.deployed(instance)
        with api(deployed) as http:
            told = lineage.of_version(http, model, version, trained)
            spec = http.get(f"/models/{_q(model)}/versions/{_q(version)}")["manifest"]["lineage"]
        with screen.phase("Fetch and check the rows") as phase:
            fetched = stored_rows.fetch(_reader(deployed), told)
            train, test = fetched.rows
            phase.detail = f"{train:,} to train, {test:,} to test"
        folder = out or Path(f"{model}-{version}")
        columns = spec["spec"].get("data", {}).get("columns", [])
        about = {
            "model": model,
            "version": version,
            "training": told["version"]["training"],
            "dataset": told["data"]["dataset"],
            "split": told["split"]["split"],
            "source_uri": told["data"]["uri"],
            "source_digest": told["data"]["source_digest"],
            "train_rows": train,
            "test_rows": test,
        }
        stored_rows.write(fetched, folder, [column["name"] for column in columns], about)
        screen.done("Written", str(folder))
        screen.result({**about, "folder": str(folder)})


@app.command()
def fit(
    model: Model, instance: Instance = "demo", as_json: Json = False, debug: Debug = False
) -> None:
    """Show which versions the deployed libraries can serve, and why not the others."""
    with command(machine=as_json, debug=debug) as screen, options.api_of(instance) as http:
        found = http.get(f"/models/{_q(model)}/fit")
        version_views.show_fit(screen, found)
        screen.result(found)


@app.command()
def audit(
    model: Model, instance: Instance = "demo", as_json: Json = False, debug: Debug = False
) -> None:
    """Hold the registry against the store; what does not belong together is status 1."""
    with command(machine=as_json, debug=debug) as screen, options.api_of(instance) as http:
        found = http.get(f"/models/{_q(model)}/audit")
        version_views.show_audit(screen, found)
        screen.result(found)
        if found["findings"]:
            raise typer.Exit(1)


def _reader(deployed: Deployed) -> Callable[[str], bytes | None]:
    from botocore.exceptions import ClientError  # noqa: PLC0415

    client, bucket = deployed.target.client("s3"), deployed.outputs["ArtifactsBucketName"]

    def read(key: str) -> bytes | None:
        try:
            content: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None
            raise
        return content

    return read


def _q(part: str) -> str:
    return quote(part, safe="")
