"""The frame of every command: a screen, and errors turned into sentences and exit codes."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

import typer

from devkit.errors import DevkitError, LeftAloneError, UsageError
from devkit.screen import open_screen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devkit.screen import Screen

FAILED, USAGE, INTERRUPTED = 1, 2, 130


@contextlib.contextmanager
def command(*, machine: bool, debug: bool) -> Iterator[Screen]:
    """Run a command: status 0, 1 for refused or failed, 2 for a wrong call.

    Args:
        machine: JSON on standard output, progress on standard error.
        debug: Let errors through with their traceback.
    """
    screen = open_screen(machine=machine)
    try:
        yield screen
    except KeyboardInterrupt:
        screen.interrupted()
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        sys.stderr.close()
        raise typer.Exit(FAILED) from None
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:
        if debug:
            raise
        screen.failure(explain(error))
        raise typer.Exit(_status(error)) from None


def _status(error: Exception) -> int:
    if isinstance(error, LeftAloneError):
        return INTERRUPTED
    return USAGE if isinstance(error, UsageError) else FAILED


def explain(error: Exception) -> DevkitError:
    """Whatever went wrong, as a sentence with what to do next."""
    if isinstance(error, DevkitError):
        return error
    name, module = type(error).__name__, type(error).__module__
    if name in ("NoCredentialsError", "ProfileNotFound", "PartialCredentialsError"):
        return DevkitError(str(error), "Set up AWS credentials: aws configure")
    if name in ("EndpointConnectionError", "ConnectionClosedError", "ConnectTimeoutError"):
        return DevkitError(str(error), "See whether it runs: servery status")
    if module.startswith("botocore"):
        return DevkitError(str(error), "Once more with --debug shows where.")
    return DevkitError(
        f"Unexpected {name}: {error}", "Once more with --debug shows where; please report it."
    )
