"""Looks after jobs that nobody looked at in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servery.edge.sweep import report
from servery.usecases.jobs.sweep import sweep
from servery.wiring import jobs as wiring

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Sweep as long as there is time; what is left over is for the next minute."""
    swept = sweep(
        wiring.sweep_ports(), seconds=lambda: context.get_remaining_time_in_millis() / 1000
    )
    return report(swept, request_id=context.aws_request_id)
