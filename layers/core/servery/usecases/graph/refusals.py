"""A model of a graph refuses values: whose are they?"""

from __future__ import annotations

import re

from servery.domain.graphs import REQUEST
from servery.errors import BadAnswerError, InvalidInputError, ServeryError, Violation
from servery.usecases.graph.hops import ModelHop

_FIELD = re.compile(r"records\[(\d+)\](?:\.(.+))?", re.DOTALL).fullmatch
_KEY = re.compile(r"lookup\[(\d+)\]").fullmatch


def whose(hop: ModelHop, rows: list[int], refusal: InvalidInputError) -> ServeryError:
    """What the refusal of a model means for the caller of the graph.

    Args:
        hop: Who refuses.
        rows: The rows of the request that it was asked about, in order.
        refusal: With fields of the hop's own input.

    Returns:
        `InvalidInputError` with the fields of the request, where the values came from there;
        else `BadAnswerError` of the hop: what an earlier step or a lookup gave does not fit.
    """
    found = []
    for violation in refusal.violations:
        field = _of_request(hop, rows, violation.field)
        if field:
            found.append(Violation(field, violation.message))
    if not found:
        message = f"{hop.name} refuses what the steps before it gave"
        return BadAnswerError(hop.name, message)
    first = found[0]
    return InvalidInputError(
        f"{hop.name} refuses the request: {first.field}: {first.message}", tuple(found)
    )


def _of_request(hop: ModelHop, rows: list[int], field: str) -> str:
    key = _KEY(field)
    if key is not None:
        return _of_key(hop, rows, int(key[1]))
    match = _FIELD(field)
    if match is None or int(match[1]) >= len(rows):
        return ""
    row = f"records[{rows[int(match[1])]}]"
    if match[2] is None:
        sources = {reference.partition(".")[0] for reference in hop.inputs.values()}
        return row if sources == {REQUEST} else ""
    root, _, column = hop.inputs.get(match[2], "").partition(".")
    return f"{row}.{column}" if root == REQUEST else ""


def _of_key(hop: ModelHop, rows: list[int], number: int) -> str:
    """The field of a key that the model's server found no data of."""
    if hop.lookup is None or number >= len(rows):
        return ""
    root, _, column = hop.lookup.key.partition(".")
    return f"records[{rows[number]}].{column}" if root == REQUEST else ""
