"""Options and arguments that several commands have, and the stack that they name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from devkit import instances, stack
from devkit.api import Api, api

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from rich.table import Table

    from devkit.screen import Screen

Instance = Annotated[
    str,
    typer.Option(
        "--instance",
        "-i",
        envvar="SERVERY_INSTANCE",
        help="Which cloud with its stack; `aws` is what `servery deploy` deployed.",
    ),
]
Named = Annotated[
    str | None,
    typer.Option(
        "--instance",
        "-i",
        envvar="SERVERY_INSTANCE",
        help="Name of the cloud with its stack; `demo`, or what --cloud says.",
    ),
]
Cloud = Annotated[
    str | None,
    typer.Option(
        "--cloud",
        help="ministack, localstack or aws; remembered, and ministack to begin with.",
        show_default=False,
    ),
]
Endpoint = Annotated[
    str | None,
    typer.Option("--endpoint", help="Deploy to the LocalStack there, which runs already."),
]
StackName = Annotated[
    str | None,
    typer.Option("--stack", help="Name of the stack, on AWS or with --endpoint."),
]
Json = Annotated[bool, typer.Option("--json", help="The result as JSON on standard output.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Model = Annotated[str, typer.Argument(help="Name of the model.")]
OfModel = Annotated[str | None, typer.Argument(metavar="[MODEL]", help="All if left out.")]
Limit = Annotated[int, typer.Option(min=1, help="How many at the most.")]
Port = Annotated[int | None, typer.Option(min=1, max=65_535, help="Port of the local cloud.")]


def deployed(name: str) -> stack.Deployed:
    """What is deployed on the instance of that name."""
    return stack.current(instances.find(name))


def api_of(name: str) -> AbstractContextManager[Api]:
    """The API of the instance of that name."""
    return api(deployed(name))


def show_list(
    screen: Screen, shown: Table, found: list[dict[str, Any]], limit: int, what: str
) -> None:
    """A list for people and for machines, with a word on what may follow."""
    if found:
        screen.show(shown)
    else:
        screen.say(f"No {what}.")
    if len(found) == limit:
        screen.say(f"The newest {limit}; --limit shows more.", style="dim")
    screen.result(found)
