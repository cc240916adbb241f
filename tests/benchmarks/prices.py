"""What AWS charges for what is counted: list prices of us-east-1, first tier, with their sources.

Free tiers, savings plans, taxes, data transfer and what is stored are left out, and so is what
Firehose takes for sorting records into folders, for which no price was found. Each price names
the page that says it and when that page is of, as far as it tells: most were read as stored copies
on 2026-11-23, so look them up anew before quoting one. What no page confirmed is marked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

HOURS_A_MONTH = 730.0
ONE_PROCESSOR_MB = 1769
_GB = 1024.0**3
_MILLION = 1e6


@dataclass(frozen=True, slots=True)
class Price:
    """One price.

    Attributes:
        usd: For so many of what is counted.
        per: How many.
        unit: What is counted, in words.
        source: The page that says so; empty where none was found.
        of: What the page says of its own age.
        region: For which the page says it; empty where it does not say.
    """

    usd: float
    per: float
    unit: str
    source: str
    of: str
    region: str = "us-east-1"

    @property
    def confirmed(self) -> bool:
        """Whether a page says it."""
        return bool(self.source)

    @property
    def each(self) -> float:
        """Dollars for one."""
        return self.usd / self.per


_STORED = "as stored, undated"
_JUNE, _MARCH = "2026-06-13", "March 2026"
_FACTUAL = "https://www.factualminds.com/blog/amazon-"
_DYNAMODB = "https://airbyte.com/data-engineering-resources/dynamodb-pricing"
_S3 = "https://c3x.dev/blog/s3-request-fees-explained"
_LAMBDA = "https://cloudchipr.com/blog/aws-lambda-pricing"
_API = (
    "https://docs.aws.amazon.com/pt_br/whitepapers/latest/"
    "best-practices-api-gateway-private-apis-integration/cost-optimization.html"
)
_REQUESTS = (
    "https://git.mcrn.ar/mariano/lambda_local_runner/src/commit/"
    "957e45b8adae23ce50b966346229585b5df18b4d/docs/lambdas-md/lambda-13-cost.md"
)
TABLE: dict[str, Price] = {
    "requests": Price(3.5, _MILLION, "request of a REST API", _API, _STORED),
    "invocations": Price(0.2, _MILLION, "request of Lambda", _REQUESTS, _STORED, ""),
    "GB-seconds": Price(0.0000166667, 1, "GB-second of Lambda, x86", _LAMBDA, "2024"),
    "dynamodb reads": Price(0.125, _MILLION, "read request unit", _DYNAMODB, "2025-07-21"),
    "record reads": Price(0.125, _MILLION, "read request unit", _DYNAMODB, "2025-07-21"),
    "dynamodb writes": Price(0.625, _MILLION, "write request unit", _DYNAMODB, "2025-07-21"),
    "s3 reads": Price(0.0004, 1000, "GET, HEAD", _S3, _STORED, ""),
    "s3 writes": Price(0.005, 1000, "PUT, COPY, POST, LIST", _S3, _STORED, ""),
    "sqs requests": Price(
        0.4, _MILLION, "request", "https://cloudburn.io/blog/amazon-sqs-pricing", "2026-03-14"
    ),
    "sns requests": Price(
        0.5, _MILLION, "publish", f"{_FACTUAL}sns-pricing-publishes-fanout-protocols/", _JUNE, ""
    ),
    "events": Price(
        1.0, _MILLION, "own event", "https://cloudburn.io/blog/amazon-eventbridge-pricing", _MARCH
    ),
    "transitions": Price(
        0.025, 1000, "state transition", "https://aws.amazon.com/step-functions/pricing/", _STORED
    ),
    # Undated notes in public repositories say the same, no page of AWS's that could be read does;
    # that records are rounded up is said by aws.amazon.com/de/kinesis/data-firehose/pricing.
    "firehose bytes": Price(0.029, _GB, "GB, records rounded up to 5 KB", "", "from memory"),
    "logged bytes": Price(
        0.5,
        _GB,
        "GB of logs",
        f"{_FACTUAL}cloudwatch-pricing-metrics-logs-alarms-dashboards/",
        _JUNE,
    ),
    "traces": Price(5.0, _MILLION, "trace", "https://aws.amazon.com/de/xray/pricing/", _STORED, ""),
    "alarms": Price(
        0.1,
        1,
        "alarm a month",
        "https://c3x.dev/resources/aws/aws_cloudwatch_metric_alarm",
        _STORED,
        "",
    ),
    "custom metrics": Price(
        0.3, 1, "metric a month", "https://signoz.io/guides/cloudwatch-pricing", "2026-02-15", ""
    ),
}
OTHERS: dict[str, Price] = {
    # 0.00006 dollars for a second with 3 GB, as somebody read it from AWS's price list.
    "SageMaker Serverless": Price(
        20e-6,
        1,
        "GB-second",
        "SKU PUE6HBQ8KFHBUN5T of the AWS Price List API, as a public repository quotes it",
        "2026-09-09",
    ),
    "SageMaker Serverless, data": Price(
        0.016,
        _GB,
        "GB in and out",
        "https://github.com/aws-samples/sagemaker-ssh-helper/blob/main/Sample_Costs.md",
        "December 2023",
        "eu-west-1",
    ),
    "ml.t3.medium": Price(
        0.05, 1, "hour", "https://www.wring.co/blog/aws-sagemaker-inference-guide", "2026-03-15", ""
    ),
    "ml.m5.large": Price(
        0.115,
        1,
        "hour",
        "https://randeepbhatia.com/courses/aws-serverless-ml/sagemaker-serverless",
        _STORED,
        "",
    ),
    "EC2 t3.medium": Price(
        0.0416,
        1,
        "hour",
        "https://hacecuentas.com/en/costo-servidor-cloud-aws-ec2-mensual",
        "2026-04-17",
        "",
    ),
}


def usd(usage: Mapping[str, float]) -> float:
    """Dollars for what was counted; what has no price costs nothing of its own."""
    return sum(TABLE[name].each * amount for name, amount in usage.items() if name in TABLE)


def unconfirmed(usage: Mapping[str, float]) -> list[str]:
    """What of it is paid at a price that no page confirmed."""
    return [n for n, amount in usage.items() if amount and n in TABLE and not TABLE[n].confirmed]


def billed_seconds(processor_seconds: float, memory_mb: int) -> float:
    """How long a function runs that needs so much of a processor: with less memory, longer."""
    return processor_seconds * max(1.0, ONE_PROCESSOR_MB / memory_mb)


def sagemaker_serverless_usd(seconds: float, memory_mb: int, carried: int) -> float:
    """One request to SageMaker Serverless Inference, which carries so many bytes in all."""
    compute = seconds * memory_mb / 1024 * OTHERS["SageMaker Serverless"].each
    return compute + carried * OTHERS["SageMaker Serverless, data"].each


def always_on_usd(instance: str, requests_a_month: float) -> float:
    """One request to an instance that is always there, of so many a month."""
    return OTHERS[instance].each * HOURS_A_MONTH / requests_a_month
