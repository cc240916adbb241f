"""Deployment records, kept for a moment: the gateway reads one for every request."""

from __future__ import annotations

import re
from typing import Protocol

from servery.adapters.kept_records import FRESH_SECONDS, KeptRecords
from servery.domain.deployment import Deployment
from servery.domain.names import MODEL_NAME
from servery.errors import NotFoundError, UnavailableError
from servery.ports import Clock

MOST_NAMES = 512

_PROBE = "readiness-probe"  # the registry is there when it can say that this is not
_is_name = re.compile(MODEL_NAME).fullmatch


class DeploymentRecords(Protocol):
    """What of the registry is kept."""

    def deployment(self, model: str) -> Deployment:
        """Who answers for a model; `NotFoundError` where nothing is released."""
        ...


class KeptDeployments:
    """The registry's deployments, at most two seconds old.

    When the registry cannot be read, a record is served for up to a minute: predictions go on
    without it.

    Args:
        registry: Where the records are.
        clock: What the age goes by.
    """

    def __init__(self, registry: DeploymentRecords, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock
        self._records = KeptRecords(registry.deployment, clock, most=MOST_NAMES)
        self._probed = float("-inf")

    def get(self, model: str) -> Deployment:
        """Who answers for a model.

        Raises:
            NotFoundError: no model can have that name, or nothing of it is released.
        """
        if not _is_name(model):
            raise NotFoundError("there is no such model")
        deployment = self._records.get(model)
        if deployment is None:
            raise NotFoundError("there is no such model, or nothing of it is released")
        return deployment

    def forget(self, model: str) -> None:
        """Read the record anew next time; it stays at hand for when that fails."""
        self._records.forget(model)

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
