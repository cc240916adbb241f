"""What the policies of deployments work with, made when the first of them asks for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from servery.errors import FaultError

if TYPE_CHECKING:
    from servery.domain.manifest import ModelRef
    from servery.domain.signature import Signature
    from servery.ports import (
        Admission,
        Breaker,
        JobDesk,
        LastKnown,
        PredictionCache,
        ShadowSender,
        Signatures,
    )

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """Gives each of them; None for one that this gateway has not got.

    Attributes:
        cache: Answers that are kept.
        last_known: The last answers, by whichever version.
        admission: Rate and concurrency.
        breaker: What stops asking a server that keeps failing.
        signatures: What models take and give.
        jobs: What makes a request a job.
        shadow: What hands copies on.
    """

    cache: Callable[[], PredictionCache] | None = None
    last_known: Callable[[], LastKnown] | None = None
    admission: Callable[[], Admission] | None = None
    breaker: Callable[[], Breaker] | None = None
    signatures: Callable[[], Signatures] | None = None
    jobs: Callable[[], JobDesk] | None = None
    shadow: Callable[[], ShadowSender] | None = None

    def signature(self, ref: ModelRef) -> Signature:
        """The signature of a model.

        Raises:
            ArtifactError, RetryableError: it cannot be read.
        """
        return need(self.signatures, "signatures").of(ref)


def need(make: Callable[[], T] | None, name: str) -> T:
    """What a policy cannot do without; `FaultError` where this gateway has not got it."""
    if make is None:
        raise FaultError(f"this gateway has no {name}")
    return make()
