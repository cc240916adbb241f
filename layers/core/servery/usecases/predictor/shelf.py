"""Which model answers, and the swap to a new one."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import msgspec

from servery.errors import ConflictError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from servery.domain.manifest import ModelRef, Runtime
    from servery.ports import Clock, LoadedModel

KEPT = 2
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0


class Pin(msgspec.Struct, frozen=True):
    """What a server is for, frozen when it was published.

    Attributes:
        model: Name of the one model that it may load.
        runtime: The runtime whose libraries it has.
        only: The reference of the model in its image; None where it loads what a request names.
    """

    model: str
    runtime: Runtime
    only: ModelRef | None = None

    def check(self, ref: ModelRef) -> None:
        """Let pass only references that this server is for.

        Raises:
            ConflictError: it is for another model or version; the sentence names both.
        """
        if (ref.model, ref.runtime) != (self.model, self.runtime):
            raise ConflictError(
                f"this server is for {self.model} ({self.runtime}), "
                f"the request for {ref.model} ({ref.runtime})"
            )
        if self.only is not None and _identity(ref) != _identity(self.only):
            raise ConflictError(
                f"this server holds {self.model} {self.only.version} {self.only.training}, "
                f"the request names {ref.version} {ref.training} or other digests of it"
            )


class Chosen(msgspec.Struct, frozen=True):
    """Who answers a request.

    Attributes:
        model: The loaded model.
        degraded: Whether it stands in for one that could not be loaded.
        loaded: Whether it was loaded for this request.
        failure: Why the asked model could not be loaded, where this request found that out.
    """

    model: LoadedModel
    degraded: bool = False
    loaded: bool = False
    failure: Exception | None = None


class _Failure(msgspec.Struct):
    error: Exception
    retry_at: float
    pause: float


class Shelf:
    """The loaded models of one server: the last two, so that a roll back is instant.

    A model takes its place only after it was loaded whole and has proven itself; one that cannot
    be loaded is not tried again for a while, and the one before it answers meanwhile.

    Args:
        load: Loads a model.
        pin: What this server is for.
        clock: What the pauses after a failed load go by.
    """

    def __init__(self, load: Callable[[ModelRef], LoadedModel], pin: Pin, clock: Clock) -> None:
        self._load = load
        self._pin = pin
        self._clock = clock
        self._models: OrderedDict[ModelRef, LoadedModel] = OrderedDict()
        self._champion: LoadedModel | None = None
        self._failures: dict[ModelRef, _Failure] = {}

    def choose(self, ref: ModelRef, *, exact: bool) -> Chosen:
        """The model for a request.

        Args:
            ref: What the request names.
            exact: Whether no other model may stand in.

        Raises:
            ConflictError: this server is not for that model.
            UnavailableError: it cannot be loaded now, and nothing may stand in.
        """
        chosen = self._chosen(ref, exact=exact)
        if not exact and not chosen.degraded:
            self._champion = chosen.model
        return chosen

    def get(self, ref: ModelRef) -> LoadedModel:
        """Exactly the model that is named; answers to nobody change by this.

        Raises:
            ConflictError: this server is not for that model.
            UnavailableError: it cannot be loaded now.
        """
        return self._chosen(ref, exact=True).model

    def warm_up(self) -> None:
        """Load the model in the image before anybody asks; a server that loads has nothing yet.

        Raises:
            UnavailableError: it cannot be loaded.
        """
        if self._pin.only is not None:
            self.get(self._pin.only)

    def _chosen(self, ref: ModelRef, *, exact: bool) -> Chosen:
        self._pin.check(ref)
        ref = self._pin.only or ref
        kept = self._models.get(ref)
        if kept is not None:
            self._models.move_to_end(ref)
            return Chosen(kept)
        failed = self._failures.get(ref)
        now = self._clock.now().timestamp()
        if failed is not None and now < failed.retry_at:
            return self._stand_in(failed, now, exact=exact)
        try:
            model = self._load(ref)
        except Exception as error:
            pause = min(failed.pause * 2, LONGEST_PAUSE) if failed else FIRST_PAUSE
            failed = self._failures[ref] = _Failure(error, now + pause, pause)
            return self._stand_in(failed, now, exact=exact, new=True)
        self._failures.pop(ref, None)
        self._models[ref] = model
        while len(self._models) > KEPT:
            self._models.popitem(last=False)
        return Chosen(model, loaded=True)

    def _stand_in(self, failed: _Failure, now: float, *, exact: bool, new: bool = False) -> Chosen:
        other = None if exact else self._champion or next(reversed(self._models.values()), None)
        if other is None:
            raise UnavailableError(
                "the model cannot be loaded at the moment", retry_after=failed.retry_at - now
            ) from failed.error
        return Chosen(other, degraded=True, failure=failed.error if new else None)


def _identity(ref: ModelRef) -> tuple[str, ...]:
    return (ref.version, ref.training, ref.digest, ref.manifest_digest, ref.pair)
