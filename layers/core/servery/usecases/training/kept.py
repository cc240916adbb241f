"""What was made before and need not be made again: by its digest, or for being young enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from servery.domain.pipeline_spec import StepName
from servery.domain.steps import Chain, Memo, before, chain_digest, up_to
from servery.errors import ArtifactError, RejectedError
from servery.usecases.training import keys
from servery.usecases.training.inputs import RESULTS, AnyResult, as_seen, earlier
from servery.usecases.training.messages import Exported, Trained

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from servery.domain.spec import ModelSpec
    from servery.ports import Clock, ObjectStore
    from servery.usecases.training.messages import CollectEvent

T = TypeVar("T")


class Kept:
    """The memos and the chains in a store.

    Args:
        store: The artifacts bucket.
        clock: Says when a step was run last.
    """

    def __init__(self, store: ObjectStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def memo(self, name: StepName, digest: str) -> Memo | None:
        """What was made under a digest; None where it is not there, or not all of it."""
        found = self._read(keys.memo(name, digest), Memo)
        return found if found is not None and self._there(found.files) else None

    def write(self, name: StepName, digest: str, memo: Memo) -> None:
        """Keep what was made."""
        self._store.put(keys.memo(name, digest), msgspec.json.encode(memo))

    def follow(
        self, name: StepName, event: CollectEvent, spec: ModelSpec, made: AnyResult, memo: Memo
    ) -> None:
        """Make an output the last one of its step, with what it came from."""
        results = {**earlier(event), name: made}
        chain = Chain(
            results={
                step: msgspec.to_builtins(as_seen(result, event.training_id))
                for step, result in results.items()
            },
            training_id=event.training_id,
            reads=chain_digest(name, spec),
            files=memo.files,
            made=self._clock.now(),
        )
        self._store.put(keys.chain(name, spec.name), msgspec.json.encode(chain))

    def last(self, name: StepName, event: CollectEvent, spec: ModelSpec) -> AnyResult | None:
        """The output that a step keeps although it could be made anew; None where it is to run.

        A step that is kept comes with the outputs that it was made from, so that all of them
        belong together.

        Raises:
            RejectedError: one step was asked for alone, and those before it have no output.
        """
        if event.only is not None and name in before(event.only):
            *_, front = before(event.only)
            found = self._part(name, front, event, spec)
            if found is None:
                raise RejectedError(
                    f"{event.only} cannot run alone: no training of {spec.name} as the spec is now "
                    f"has come as far as {front}; run it up to there first"
                )
            return found
        wanted = [step for step in reversed(StepName) if step in event.keep and name in up_to(step)]
        parts = (self._part(name, step, event, spec) for step in wanted)
        return next((part for part in parts if part is not None), None)

    def _part(
        self, name: StepName, of: StepName, event: CollectEvent, spec: ModelSpec
    ) -> AnyResult | None:
        chain = self._read(keys.chain(of, spec.name), Chain)
        if chain is None or chain.reads != chain_digest(of, spec):
            return None
        oldest = event.keep.get(of)
        if oldest is not None and chain.made < oldest:
            return None
        results = _read_results(chain)
        if not set(up_to(of)) <= results.keys():
            return None
        # Another run may have written the chain since the step before this one was answered.
        together = all(results[step] == made for step, made in earlier(event).items())
        whole = together and self._there([*chain.files, *_beside(results.values())])
        return results[name] if whole else None

    def _read(self, key: str, kind: type[T]) -> T | None:
        try:
            return msgspec.json.decode(self._store.get(key), type=kind)
        except (ArtifactError, msgspec.MsgspecError):
            return None

    def _there(self, files: list[str]) -> bool:
        return all(self._store.exists(key) for key in files)


def _read_results(chain: Chain) -> dict[StepName, AnyResult]:
    """The outputs of a chain; none where they are those of other code, which told other things."""
    try:
        return {
            step: msgspec.convert(result, RESULTS[step]) for step, result in chain.results.items()
        }
    except msgspec.ValidationError:
        return {}


def _beside(results: Iterable[AnyResult]) -> Iterator[str]:
    """Keys of what the steps behind read beside trainings, where it does not lie for ever."""
    for result in results:
        if isinstance(result, Trained):
            yield keys.training(result.work, "model.joblib")
            yield keys.training(result.work, "train.json")
        elif isinstance(result, Exported):
            yield keys.training(result.work, "export.json")
