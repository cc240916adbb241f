"""A request that may not reach its model made a job, as the room `jobs` makes one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from servery.edge.http import content_of
from servery.edge.telemetry import log_error
from servery.ports import TakenJob
from servery.usecases.jobs.submit import Submission, submit
from servery.usecases.jobs.views import job_view

if TYPE_CHECKING:
    from servery.ports import Inquiry
    from servery.usecases.jobs.submit import SubmitPorts


class QueueingDesk:
    """Accepts jobs for requests that were refused.

    Args:
        ports: What taking a job works with.
    """

    def __init__(self, ports: SubmitPorts) -> None:
        self._ports = ports

    def take(self, inquiry: Inquiry) -> TakenJob:
        """Take a request; see `usecases.jobs.submit` for what it raises."""
        submission = Submission(
            model=inquiry.deployment.model,
            body=content_of(inquiry.body, base64=inquiry.base64),
            request_id=inquiry.request_id,
        )
        submitted = submit(submission, self._ports)
        if submitted.unsent is not None:
            log_error(submitted.unsent, request_id=inquiry.request_id, route="model_infer")
        view = job_view(submitted.job)
        return TakenJob(submitted.job.id, msgspec.json.encode(view).decode())
