"""What a request is given that may not reach its model; always marked as degraded."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from servery.domain.policies import FallbackKind
from servery.errors import FaultError, RefusedError, RetryableError
from servery.usecases.gateway.elsewhere import Elsewhere
from servery.usecases.gateway.kept import Kept
from servery.usecases.gateway.messages import Prediction, Target

if TYPE_CHECKING:
    from servery.domain.policies import Fallback
    from servery.ports import Deployments
    from servery.usecases.gateway.answering import Answering
    from servery.usecases.gateway.guards import Guards
    from servery.usecases.gateway.messages import Ask

SWITCHED_OFF = "off"


class Fallbacks:
    """Answers requests that were refused.

    Args:
        deployments: Who the lighter models are.
        answering: What asks them.
        guards: What the other kinds work with.
    """

    def __init__(self, deployments: Deployments, answering: Answering, guards: Guards) -> None:
        kept, elsewhere = Kept(guards), Elsewhere(deployments, answering, guards)
        self._kinds: dict[FallbackKind, Callable[[Target, Ask, Fallback], Prediction | None]] = {
            FallbackKind.DEFAULT: kept.default,
            FallbackKind.LAST_KNOWN: kept.last_known,
            FallbackKind.CACHED: kept.cached,
            FallbackKind.LIGHT: elsewhere.light,
            FallbackKind.QUEUE: elsewhere.queue,
        }

    def answer(
        self, target: Target, ask: Ask, fallback: Fallback, refused: RefusedError
    ) -> Prediction:
        """What the request is given instead.

        Raises:
            RefusedError: nothing but that it was refused, and when to try again: because that is
                the policy, or because the fallback has nothing for it either.
            RejectedError: the request itself is wrong.
        """
        make = self._kinds.get(fallback.kind)
        found: Prediction | None = None
        if make is not None and not (fallback.kind is FallbackKind.CACHED and _looked(refused)):
            aside = replace(target, route=f"fallback:{fallback.kind}")
            try:
                found = make(aside, ask, fallback)
            except (RetryableError, FaultError) as error:
                raise _final(refused, fallback) from error
        if found is None:
            raise _final(refused, fallback)
        return replace(found, fallback=fallback.kind.value, reason=refused.reason, degraded=True)


def _looked(refused: RefusedError) -> bool:
    """Whether the cache was asked before: only who is switched off is refused ahead of it."""
    return refused.reason != SWITCHED_OFF


def _final(refused: RefusedError, fallback: Fallback) -> RefusedError:
    """The refusal that the caller is told, with when to try again by the policy."""
    return RefusedError(
        refused.message,
        reason=refused.reason,
        retry_after=max(fallback.retry_after_s, refused.retry_after),
    )
