"""Groups of commands whose most usual one needs no name."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

_HELP = ("-h", "--help")


class Started(TyperGroup):
    """A group whose first word may be what `start` takes: `servery release iris`.

    What is named like one of its commands is told apart by saying `start` before it.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - click's, of typer
        """Put `start` before what is neither a command of the group nor a call for help."""
        if args and args[0] not in self.commands and args[0] not in _HELP:
            args = ["start", *args]
        return super().parse_args(ctx, args)
