"""One step of a training: skipped where its output is there, else run and kept under its digest."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import msgspec

from servery.domain.pipeline_spec import StepName
from servery.domain.records import StepRecord, StepState
from servery.domain.spec_rules import read_spec
from servery.domain.steps import Means, Memo, step_digest
from servery.errors import ArtifactError, InvalidInputError, InvalidSpecError, ServeryError
from servery.usecases.training import keys
from servery.usecases.training.inputs import RESULTS, Result, as_seen, inputs_of, step_of
from servery.usecases.training.kept import Kept
from servery.usecases.training.noted_store import NotedStore

if TYPE_CHECKING:
    from servery.domain.spec import ModelSpec
    from servery.ports import Clock, ObjectStore
    from servery.usecases.training.inputs import AnyResult
    from servery.usecases.training.messages import CollectEvent


@dataclass(frozen=True, slots=True)
class Machine:
    """What runs the steps.

    Attributes:
        now: Seconds of a clock that only goes forward.
        memory_mb: Memory, MiB; 0 where that is not known.
        price: Cost of so many seconds, in US dollars.
    """

    now: Callable[[], float]
    memory_mb: int
    price: Callable[[float], float]


@dataclass(frozen=True, slots=True)
class _Found:
    """An output that was there."""

    result: AnyResult
    memo: Memo | None = None


class Steps:
    """Runs steps, and says beside the training what became of them.

    Args:
        store: The artifacts bucket.
        clock: Says when.
        means: With what a step works.
        machine: On what it runs.
    """

    def __init__(
        self,
        store: ObjectStore,
        clock: Clock,
        means: Callable[[StepName, ModelSpec], Means],
        machine: Machine,
    ) -> None:
        self._store = store
        self._clock = clock
        self._means = means
        self._machine = machine
        self._kept = Kept(store, clock)

    def run(
        self,
        event: CollectEvent,
        work: Callable[[ObjectStore], Result],
        *,
        valid: Callable[[Result], bool] = lambda _: True,
    ) -> Result:
        """The result of the step of an event.

        What this very training has made before is never made again. What another one has made
        is only looked for where the event says `reuse`, and not for the step of `only`.

        Args:
            event: The state in front of the step.
            work: Does it, with the store that its files go through.
            valid: Whether a result that was kept is worth something still.

        Raises:
            ServeryError: as the step itself does.
        """
        name, started = step_of(event), self._clock.now().isoformat(timespec="milliseconds")
        record = StepRecord(
            state=StepState.RUNNING, started=started, attempt=self._attempts(event, name) + 1
        )
        self._tell(event, name, record)
        begin = self._machine.now()
        try:
            done, record = self._done(event, name, work, valid, record)
        except BaseException:
            with suppress(ServeryError):
                self._tell(event, name, self._timed(record, StepState.FAILED, begin))
            raise
        self._tell(event, name, record)
        return done

    def has(self, event: CollectEvent) -> bool:
        """Whether the step of an event would find its result already there."""
        spec, digest = self._digest(event)
        return spec is not None and self._find(event, step_of(event), spec, digest) is not None

    def _done(
        self,
        event: CollectEvent,
        name: StepName,
        work: Callable[[ObjectStore], Result],
        valid: Callable[[Result], bool],
        record: StepRecord,
    ) -> tuple[Result, StepRecord]:
        spec, digest = self._digest(event)
        record = msgspec.structs.replace(record, digest=digest)
        found = self._find(event, name, spec, digest) if spec else None
        if spec and found and valid(cast("Result", found.result)):
            if found.memo is not None:
                self._kept.follow(name, event, spec, found.result, found.memo)
            return cast("Result", found.result), _skipped(record, found)
        begin, noted = self._machine.now(), NotedStore(self._store)
        result = work(noted)
        record = self._timed(record, StepState.DONE, begin)
        # Data that were replaced while they were read belong to neither digest.
        if spec and digest and self._digest(event)[1] == digest:
            memo = self._memo(event, result, noted.written, record)
            self._kept.write(name, digest, memo)
            self._kept.follow(name, event, spec, result, memo)
        return result, record

    def _find(
        self, event: CollectEvent, name: StepName, spec: ModelSpec, digest: str
    ) -> _Found | None:
        last = self._kept.last(name, event, spec)
        if last is not None:
            return _Found(last)
        memo = self._kept.memo(name, digest) if digest else None
        if memo is None:
            return None
        try:
            result = msgspec.convert(memo.result, RESULTS[name])
        except msgspec.ValidationError:
            return None
        if memo.training_id == event.training_id:
            return _Found(result, memo)
        if not event.reuse or event.only == name:
            return None
        return _Found(as_seen(result, memo.training_id), memo)

    def _digest(self, event: CollectEvent) -> tuple[ModelSpec | None, str]:
        """The spec, and the digest of everything that decides the output; none of what is wrong.

        The step itself says what that is.
        """
        name = step_of(event)
        try:
            spec = read_spec(event.spec)
            if name is StepName.COLLECT and spec.retrain.add_labelled:
                return spec, ""  # what the lake has come to is known by reading it only
            inputs = inputs_of(event, spec.data.uri, self._store)
        except InvalidSpecError:
            return None, ""
        except InvalidInputError:
            return spec, ""
        return spec, step_digest(name, inputs=inputs, spec=spec, means=self._means(name, spec))

    def _memo(
        self, event: CollectEvent, result: AnyResult, files: list[str], record: StepRecord
    ) -> Memo:
        return Memo(
            result=msgspec.to_builtins(result),
            training_id=event.training_id,
            files=files,
            made=self._clock.now().isoformat(timespec="milliseconds"),
            seconds=record.seconds,
            memory_mb=self._machine.memory_mb,
            cost_usd=record.cost_usd,
        )

    def _timed(self, record: StepRecord, state: StepState, begin: float) -> StepRecord:
        seconds = self._machine.now() - begin
        cost = self._machine.price(seconds)
        return msgspec.structs.replace(
            record, state=state, seconds=round(seconds, 3), cost_usd=round(cost, 9)
        )

    def _attempts(self, event: CollectEvent, name: StepName) -> int:
        try:
            content = self._store.get(keys.step(event.training_id, name))
            return msgspec.json.decode(content, type=StepRecord).attempt
        except (ArtifactError, msgspec.MsgspecError):
            return 0

    def _tell(self, event: CollectEvent, name: StepName, record: StepRecord) -> None:
        self._store.put(keys.step(event.training_id, name), msgspec.json.encode(record))


def _skipped(record: StepRecord, found: _Found) -> StepRecord:
    """What is this training's own was done, though not by this attempt."""
    if found.result.skipped:
        return msgspec.structs.replace(record, state=StepState.SKIPPED, source=found.result.source)
    return msgspec.structs.replace(
        record,
        state=StepState.DONE,
        seconds=found.memo.seconds if found.memo else 0.0,
        cost_usd=found.memo.cost_usd if found.memo else 0.0,
    )
