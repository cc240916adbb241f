"""Start a search: check its spec, record it, hand it over."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.metrics import higher_is_better
from servery.domain.search_records import SearchRecord
from servery.domain.spec_rules import read_spec
from servery.errors import InvalidSpecError, Violation
from servery.usecases.search import keys
from servery.usecases.search.hand_over import hand_over

if TYPE_CHECKING:
    from datetime import datetime

    from servery.domain.search_spec import Search
    from servery.domain.spec import ModelSpec
    from servery.ports import Clock, ObjectStore, Registry, SearchQueue, SearchStore


class SearchRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a caller may ask for.

    Attributes:
        spec: A model spec with a section `search`; that of the model's last registered training
            when left out.
    """

    spec: dict[str, Any] | None = None


def start(
    model: str,
    asked: SearchRequest,
    *,
    store: SearchStore,
    objects: ObjectStore,
    registry: Registry,
    queue: SearchQueue,
    clock: Clock,
) -> SearchRecord:
    """Record a search and start it.

    Raises:
        InvalidSpecError: the spec does not hold together, is of another model, or says nothing
            about a search.
        NotFoundError: there is no spec to go by.
        UnavailableError: the search could not be started now; its record says so.
    """
    given = asked.spec if asked.spec is not None else registry.model(model).spec
    spec = read_spec(given)
    search = _search_of(model, spec)
    record = _record(model, spec, search, clock.now())
    objects.put(keys.spec(record.id), msgspec.json.encode(given))
    store.add(record)
    hand_over(record, given, store=store, queue=queue, clock=clock)
    return record


def _search_of(model: str, spec: ModelSpec) -> Search:
    if spec.name != model:
        message = f"the spec is of {spec.name}, not of {model}"
        raise InvalidSpecError(message, (Violation("spec.name", message),))
    if spec.search is None:
        message = "the spec has no section `search`: say there what is searched"
        raise InvalidSpecError(message, (Violation("spec.search", message),))
    return spec.search


def _record(model: str, spec: ModelSpec, search: Search, now: datetime) -> SearchRecord:
    created = now.isoformat(timespec="milliseconds")
    at = f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}"
    return SearchRecord(
        id=f"{model}-{at}-{secrets.token_hex(3)}",
        model=model,
        algorithm=search.algorithm,
        metric=spec.metric,
        higher_is_better=higher_is_better(spec.task, spec.metric),
        seed=search.seed,
        folds=search.folds,
        at_once=search.at_once,
        most=search.trials,
        candidates=len(search.candidates),
        register=search.register,
        created=created,
        handed=created,
    )
