"""What goes wrong for the person at the keyboard: a sentence, and what to do next."""

from __future__ import annotations


class DevkitError(Exception):
    """The command cannot do what it was asked.

    Args:
        message: What happened.
        hint: What to do next; empty where the message says it.
        details: Further lines, such as the end of a log.
    """

    def __init__(self, message: str, hint: str = "", details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details


class UsageError(DevkitError):
    """The command was called wrongly; it ends with status 2."""


class LeftAloneError(DevkitError):
    """Somebody pressed Ctrl-C, and what was begun goes on by itself; it ends with status 130."""
