"""The command `servery`: its groups of commands put together."""

from __future__ import annotations

import typer

from devkit.commands import (
    batch,
    cache,
    cloud,
    deployment,
    entities,
    graphs,
    jobs,
    lifecycle,
    models,
    monitoring,
    predict,
    releases,
    search,
    versions,
)

app = typer.Typer(
    name="servery",
    help="Train, release and serve models on Lambda; on this machine or on AWS.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (
    cloud,
    lifecycle,
    releases,
    models,
    search,
    versions,
    deployment,
    predict,
    monitoring,
    jobs,
    batch,
    cache,
    graphs,
    entities,
):
    app.add_typer(group.app)


def main() -> None:
    """Entry point of the command `servery`."""
    app()
