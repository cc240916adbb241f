"""JSON whose objects keep every member, repeated ones too: a name given twice is not overseen."""

from __future__ import annotations

import json
from typing import Any

from servery.errors import MalformedError


class Members(list[Any]):
    """A JSON object: its members in order, as pairs of name and value."""


def parse_members(content: bytes) -> Any:
    """The value of a JSON text, with every object as `Members`.

    Raises:
        MalformedError: it is not JSON; without a value of the caller.
    """
    try:
        return json.loads(content.decode(), object_pairs_hook=Members)
    except UnicodeDecodeError as error:
        raise MalformedError("the body is not valid UTF-8") from error
    except RecursionError as error:
        raise MalformedError("the body is nested too deeply") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise MalformedError(f"the body is not valid JSON at {where}") from error
    except ValueError as error:
        raise MalformedError("the body has a number that is too long") from error
