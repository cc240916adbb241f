"""State-machine steps: typed event in, typed result out, errors re-raised as their branch."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import msgspec

from servery.errors import FaultError, RejectedError, RetryableError

Event = TypeVar("Event", bound=msgspec.Struct)
Result = TypeVar("Result")
_BRANCHES = (RejectedError, RetryableError, FaultError)


def step(
    event_type: type[Event],
) -> Callable[[Callable[[Event], Result]], Callable[[dict[str, Any], object], Any]]:
    """Make a Lambda handler out of a function from a typed event to a typed result.

    Lambda reports only the name of an exception's class and a state machine matches names, so
    each leaf of the error tree is raised again as its branch, `from` the original. An event
    that does not fit its type is a `FaultError`: the state machine built it.
    """

    def decorate(run: Callable[[Event], Result]) -> Callable[[dict[str, Any], object], Any]:
        @wraps(run)
        def handler(event: dict[str, Any], _context: object) -> Any:
            try:
                request = msgspec.convert(event, event_type)
            except msgspec.ValidationError as error:
                raise FaultError(
                    f"the event does not fit {event_type.__name__}: {error}"
                ) from error
            try:
                return msgspec.to_builtins(run(request))
            except _BRANCHES as error:
                branch = next(b for b in _BRANCHES if isinstance(error, b))
                if type(error) is branch:
                    raise
                raise branch(str(error)) from error

        return handler

    return decorate
