"""Options and arguments that several commands have, and the stack that they name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from devkit import deployments, instances
from devkit.api import Api, api
from devkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
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


def deployed(name: str) -> deployments.Deployed:
    """What is deployed on the instance of that name."""
    return deployments.current(instances.find(name))


def api_of(name: str) -> AbstractContextManager[Api]:
    """The API of the instance of that name."""
    return api(deployed(name))


def list_newest(
    screen: Screen,
    instance: str,
    path: str,
    name: str,
    *,
    shown: Callable[[list[dict[str, Any]]], Table],
    states: Collection[str],
    state: str | None,
    limit: int,
    model: str | None = None,
) -> None:
    """A list for people and for machines, the newest first, with a word on what may follow.

    Args:
        screen: Where it is shown.
        instance: Whose API is asked.
        path: Of the list.
        name: Of what is in it.
        shown: Makes the table.
        states: Those that there are.
        state: Only what is in this one; None for any.
        limit: How many at the most.
        model: Only what is of this one; None for any.

    Raises:
        UsageError: there is no such state.
    """
    if state not in (None, *states):
        raise UsageError(f"There is no state {state!r}.", f"Say {', '.join(states)}.")
    with api_of(instance) as http:
        found = http.listed(path, name, limit, model=model, state=state)
    if found:
        screen.show(shown(found))
    else:
        screen.say(f"No {name}.")
    if len(found) == limit:
        screen.say(f"The newest {limit}; --limit shows more.", style="dim")
    screen.result(found)
