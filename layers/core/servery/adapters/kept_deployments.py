"""Deployment records, kept for a moment: the gateway reads one for every request."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass

from servery.domain.deployment import Deployment
from servery.domain.spec import MODEL_NAME
from servery.errors import NotFoundError, UnavailableError
from servery.ports import Clock, Registry

FRESH_SECONDS = 2.0
STALE_SECONDS = 60.0
MOST_NAMES = 512

_PROBE = "readiness-probe"  # the registry is there when it can say that this is not
_is_name = re.compile(MODEL_NAME).fullmatch


@dataclass(slots=True)
class _Kept:
    deployment: Deployment | None  # None: nothing is released under this name
    read: float
    tried: float


class KeptDeployments:
    """The registry's deployments, at most two seconds old.

    When the registry cannot be read, a record is served for up to a minute: predictions go on
    without it. That nothing is released under a name is remembered just as shortly, so that a
    caller who asks for what there is not costs the registry one read in two seconds.

    Args:
        registry: Where the records are.
        clock: What the age goes by.
    """

    def __init__(self, registry: Registry, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._probed = float("-inf")

    def get(self, model: str) -> Deployment:
        """Who answers for a model.

        Raises:
            NotFoundError: no model can have that name, or nothing of it is released.
        """
        if not _is_name(model):
            raise NotFoundError("there is no such model")
        now = self._clock.now().timestamp()
        kept = self._kept.get(model)
        if kept is None or now - kept.tried >= FRESH_SECONDS:
            kept = self._read(model, kept, now)
        if kept.deployment is None:
            raise NotFoundError("there is no such model, or nothing of it is released")
        return kept.deployment

    def forget(self, model: str) -> None:
        """Read the record anew next time; it stays at hand for when that fails."""
        kept = self._kept.get(model)
        if kept is not None:
            kept.tried = float("-inf")

    def probe(self) -> None:
        """Make sure that the registry can be read; a success holds for two seconds.

        Raises:
            UnavailableError: it cannot.
        """
        now = self._clock.now().timestamp()
        if now - self._probed < FRESH_SECONDS:
            return
        try:
            self._registry.deployment(_PROBE)
        except NotFoundError:
            pass
        except Exception as error:
            raise UnavailableError("the registry cannot be read", retry_after=2) from error
        self._probed = now

    def _read(self, model: str, kept: _Kept | None, now: float) -> _Kept:
        try:
            fresh = _Kept(self._registry.deployment(model), now, now)
        except NotFoundError:
            fresh = _Kept(None, now, now)
        except Exception:
            if kept is None or now - kept.read > STALE_SECONDS:
                raise
            kept.tried = now
            return kept
        self._kept[model] = fresh
        self._kept.move_to_end(model)
        if len(self._kept) > MOST_NAMES:
            self._kept.popitem(last=False)
        return fresh
