"""Compares what was answered with what the shadow would have: SQS hands the copies over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servery.wiring import monitoring as wiring

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse


def handler(event: dict[str, Any], context: object) -> PartialItemFailureResponse:
    """Compare the copies of one event; messages that come back are named in the answer."""
    return wiring.shadow_comparer().serve(event, context)
