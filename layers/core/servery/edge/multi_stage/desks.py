"""Whom the two stages are asked of: the gateway's and the jobs' own use cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.domain.stages import Accepted, Answered
from servery.usecases.gateway import Ask
from servery.usecases.jobs.checks import check_callback, check_key
from servery.usecases.jobs.submit import Submission, submit

if TYPE_CHECKING:
    from servery.domain.deployment import Deployment
    from servery.usecases.gateway import Gateway
    from servery.usecases.jobs.submit import SubmitPorts


class GatewayDesk:
    """Asks a model as the gateway does.

    Args:
        gateway: Who asks model servers.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def ask(
        self, deployment: Deployment, body: str, *, request_id: str, seconds: float
    ) -> Answered:
        """Ask whom the policies of the deployment name; see `Gateway.infer` for what it raises."""
        asked = Ask(
            body=body,
            base64=False,
            size=len(body.encode()),
            request_id=request_id,
            seconds=seconds,
        )
        target = self._gateway.route(deployment.model, None, asked)
        prediction = self._gateway.infer(target, asked)
        return Answered(
            status=prediction.status,
            body=prediction.body,
            model_version=prediction.model_version,
            rows=prediction.rows,
            model_ms=prediction.model_ms,
            degraded=prediction.degraded,
        )


class SubmittingDesk:
    """Accepts jobs as the room `jobs` does.

    Args:
        ports: What taking a job works with.
    """

    def __init__(self, ports: SubmitPorts) -> None:
        self._ports = ports

    def check(self, *, key: str | None, callback_url: str | None) -> None:
        """Refuse a key or an address that no job may have; `InvalidInputError`."""
        check_key(key)
        check_callback(callback_url, self._ports.caller)

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
        """Accept a job; see `usecases.jobs.submit` for what it raises."""
        submission = Submission(
            model=model,
            body=body,
            key=key,
            callback_url=callback_url,
            request_id=request_id,
            stage=stage,
        )
        submitted = submit(submission, self._ports)
        return Accepted(job=submitted.job.id, state=submitted.job.state, unsent=submitted.unsent)
