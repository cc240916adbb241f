"""Choose: the best trial becomes the winner, and its spec that of a training on all rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from servery.domain.chosen_spec import chosen_text
from servery.domain.search_records import Best, SearchRecord, SearchState, TrialState, Winner
from servery.errors import RejectedError
from servery.usecases.search import keys
from servery.usecases.search.messages import ChooseEvent, Chosen

if TYPE_CHECKING:
    from servery.domain.search_records import Trial
    from servery.ports import ObjectStore, SearchStore


def choose(event: ChooseEvent, *, store: SearchStore, objects: ObjectStore) -> Chosen:
    """Write the spec of the winner, and hand on the state that trains it.

    Only trials speak for it, which have seen training rows alone; the test rows come after.

    Raises:
        RejectedError: no trial has a score; the sentence names the first reason.
    """
    record = store.search(event.model, event.search)
    best = record.best
    if best is None:
        raise RejectedError(_why(store.trials(event.search)))
    spec = chosen_text(event.spec, best.class_path, best.params, best.preprocessing)
    objects.put(keys.winner(event.search), msgspec.json.encode(spec))

    def finishing(known: SearchRecord) -> SearchRecord:
        winner = _winner(best, event.training_id)
        return msgspec.structs.replace(known, state=SearchState.FINISHING, winner=winner)

    store.change(event.model, event.search, finishing)
    return Chosen(
        search=event.search,
        model=event.model,
        training_id=event.training_id,
        spec=spec,
        collect=event.collect,
        preprocess=event.preprocess,
        number=best.number,
        registers=record.register,
    )


def _winner(best: Best, training_id: str) -> Winner:
    fields = {name: getattr(best, name) for name in Best.__struct_fields__}
    return Winner(**fields, training_id=training_id)


def _why(trials: list[Trial]) -> str:
    failed = [trial for trial in trials if trial.state is TrialState.FAILED]
    if not failed:
        return "no trial was run"
    return f"all {len(failed)} trials failed; the first one: {failed[0].reason}"
