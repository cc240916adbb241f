"""Carries out jobs: SQS hands over their ids, those of one model are asked for together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servery.wiring import jobs as wiring

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse


def handler(event: dict[str, Any], context: object) -> PartialItemFailureResponse:
    """Carry out the jobs of one event; messages that come back are named in the answer."""
    return wiring.job_worker().serve(event, context)
