"""What is wrong with the JSON body of a request, each by its field.

The standard library's parser is used on purpose: it keeps repeated keys, NaN and numbers beyond
every range, so that each can be named. It is the slow way, that only refused requests take.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container
from typing import Any

from servery.domain.json_pairs import Pairs, read_pairs, shown
from servery.errors import MalformedError, Violation


def parse_pairs(body: bytes, *, whole: Callable[[str], float] = int) -> Any:
    """Read a body with everything that is wrong still in it; objects become `Pairs`.

    Args:
        body: As it came.
        whole: Makes a number out of the digits of a whole one.

    Raises:
        MalformedError: it is no JSON, even with NaN and infinities let through; without a value
            of the caller.
    """
    try:
        return read_pairs(body.decode(), whole=whole)
    except UnicodeDecodeError as error:
        raise MalformedError("the body is not valid UTF-8") from error
    except RecursionError as error:
        raise MalformedError("the body is nested too deeply") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise MalformedError(f"the body is not valid JSON at {where}") from error
    except ValueError as error:
        raise MalformedError("the body has a number that is too long") from error


def is_array(value: Any) -> bool:
    """Whether a value that was read with `Pairs` is a JSON array."""
    return isinstance(value, list) and not isinstance(value, Pairs)


class Findings:
    """Collects what is wrong.

    Args:
        most: Violations to keep; beyond, the caller knows enough.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.found: list[Violation] = []

    @property
    def full(self) -> bool:
        """Whether further violations are dropped."""
        return len(self.found) >= self._most

    def add(self, field: str, message: str) -> None:
        """Keep a violation."""
        if not self.full:
            self.found.append(Violation(field, message))

    def members(
        self, pairs: Pairs, path: str, known: Container[str], what: str = "is not known here"
    ) -> dict[str, Any]:
        """The members of an object; those that are unknown or there twice are violations.

        Args:
            pairs: The object.
            path: What comes before the names of its members.
            known: The names that it may have.
            what: What is said of any other.
        """
        members: dict[str, Any] = {}
        for name, value in pairs:
            if name not in known:
                self.add(f"{path}{shown(name)}", what)
            elif name in members:
                self.add(f"{path}{name}", "is there twice")
            members[name] = value
        return members
