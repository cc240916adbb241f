"""Ends jobs of graphs whose time is up, and looks after those that nobody looked at in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servery.wiring import graph as wiring

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse


def handler(event: dict[str, Any], context: object) -> PartialItemFailureResponse | dict[str, Any]:
    """End the jobs that queue messages remind of; what comes by schedule sweeps all that is due."""
    if "Records" in event:
        return wiring.job_settler().remind(event, context)
    return wiring.job_settler().sweep(context)
