"""Whom two stages are asked of: a model now, a model later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from servery.domain.deployment import Deployment
    from servery.domain.stages import Accepted, Answered


class ModelDesk(Protocol):
    """Has rows predicted at once, by the rules of a synchronous request."""

    def ask(
        self, deployment: Deployment, body: str, *, request_id: str, seconds: float
    ) -> Answered:
        """Ask the champion; raises what a synchronous request would be refused with.

        Args:
            deployment: Who answers, and with which deadline.
            body: The request's body.
            request_id: What every log knows the request by.
            seconds: How long it may take at the most.
        """
        ...


class JobDesk(Protocol):
    """Accepts jobs, by the rules of an asynchronous request."""

    def check(self, *, key: str | None, callback_url: str | None) -> None:
        """Refuse an idempotency key or an address that no job may have; `InvalidInputError`."""
        ...

    def submit(
        self,
        model: str,
        body: bytes,
        *,
        stage: str,
        key: str | None,
        callback_url: str | None,
        request_id: str,
    ) -> Accepted:
        """Accept a job; raises what an asynchronous request would be refused with.

        Args:
            model: Who is asked.
            body: The request's body.
            stage: Which answer of the request it will be.
            key: The caller's idempotency key; None for none.
            callback_url: Whom to tell; None for nobody.
            request_id: What every log knows the request by.
        """
        ...
