"""How many requests a model had, by the metrics, which know of them without the lake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from servery.adapters.aws_errors import aws_errors

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_PERIOD = 300
_SERVICE = "gateway"


class MetricsClient(Protocol):
    """What of CloudWatch's client is used."""

    def get_metric_data(self, **request: Any) -> Any:  # noqa: ANN401 - the client's own types
        """Values of metrics."""
        ...


class CloudWatchRequests:
    """Sums the metric `Requests` of the gateway.

    Args:
        client: Client of CloudWatch.
        namespace: Of the metrics.
    """

    def __init__(self, client: MetricsClient, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    def count(
        self, model: str, versions: Sequence[str], since: datetime, until: datetime
    ) -> int | None:
        """Requests that these versions were to answer; None where there are no metrics of them.

        Raises:
            RetryableError: CloudWatch did not say.
        """
        with aws_errors("counting requests"):
            answer = self._client.get_metric_data(
                MetricDataQueries=[
                    self._query(f"v{number}", model, version)
                    for number, version in enumerate(versions)
                ],
                StartTime=since,
                EndTime=until,
            )
        values = [value for found in answer["MetricDataResults"] for value in found["Values"]]
        return round(sum(values)) if values else None

    def _query(self, name: str, model: str, version: str) -> dict[str, Any]:
        dimensions = {"service": _SERVICE, "model": model, "model_version": version}
        return {
            "Id": name,
            "MetricStat": {
                "Metric": {
                    "Namespace": self._namespace,
                    "MetricName": "Requests",
                    "Dimensions": [{"Name": n, "Value": v} for n, v in dimensions.items()],
                },
                "Period": _PERIOD,
                "Stat": "Sum",
            },
        }
