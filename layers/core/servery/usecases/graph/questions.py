"""What a step asks about its rows: inputs by reference, features whole, keys of a lookup."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from servery.domain.entities import Lookup
from servery.errors import BadAnswerError, HopUnavailableError, RetryableError, ServeryError
from servery.ports import EntityReader
from servery.usecases.graph.hops import ModelHop
from servery.usecases.graph.lookups import keys_of
from servery.usecases.graph.plans import FEATURES
from servery.usecases.graph.sending import Question
from servery.usecases.graph.values import Known, Row


def question(hop: ModelHop, known: Known, rows: list[int]) -> Question:
    """What a hop is asked about some rows of a request."""
    if hop.features:
        reference = f"{hop.features}.{FEATURES}"
        features = [known.value(reference, row) for row in rows]
        return Question(features, pair=known.pairs.get(hop.features, ""))
    keys = [] if hop.lookup is None else keys_of(hop.lookup, known, rows)
    return Question([_inputs(hop, known, row) for row in rows], keys=keys)


def look_up(
    entities: EntityReader, name: str, lookup: Lookup, keys: Collection[str]
) -> Callable[[], Any]:
    """What reads the data of some entities for the step `name`; failures are that hop's."""

    def read() -> Any:  # noqa: ANN401
        try:
            if lookup.keeping is None:
                return entities.get_many(lookup.entity, keys)
            return entities.get_many(lookup.entity, keys, lookup.keeping)
        except RetryableError as error:
            message = f"{name} cannot look up: {error.message}"
            raise HopUnavailableError(name, message, retry_after=error.retry_after) from error
        except ServeryError as error:
            raise BadAnswerError(name, f"{name}: the data cannot be read") from error

    return read


def _inputs(hop: ModelHop, known: Known, row: int) -> Row:
    given = {name: known.value(reference, row) for name, reference in hop.inputs.items()}
    for name in hop.numbers:
        if isinstance(given.get(name), bool):
            given[name] = int(given[name])
    return given
