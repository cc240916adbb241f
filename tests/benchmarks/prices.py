"""What calls of AWS cost, and what others would charge: list prices of us-east-1, first tier.

The price of Lambda is `servery.domain.lambda_price`'s. Free tiers, savings plans, taxes and what
is stored are left out. Each price names its page and the day that it is known to hold for: look it
up anew before it is quoted.
"""

from __future__ import annotations

from dataclasses import dataclass

from servery.domain.lambda_price import Processor, invocation_usd

HOURS_A_MONTH = 730.0
ONE_PROCESSOR_MB = 1769
_MB_OF_A_GB = 1024


@dataclass(frozen=True, slots=True)
class Price:
    """One price.

    Attributes:
        usd: For one of its unit.
        unit: What is counted.
        source: The page.
        of: The day.
    """

    usd: float
    unit: str
    source: str
    of: str


_AWS = "https://aws.amazon.com/"
_KNOWN = "2025-01-01"
TABLE: dict[str, Price] = {
    "dynamodb read": Price(0.125e-6, "request unit", f"{_AWS}dynamodb/pricing/", _KNOWN),
    "dynamodb write": Price(0.625e-6, "request unit", f"{_AWS}dynamodb/pricing/", _KNOWN),
    "s3 read": Price(0.4e-6, "request", f"{_AWS}s3/pricing/", _KNOWN),
    "s3 write": Price(5e-6, "request", f"{_AWS}s3/pricing/", _KNOWN),
    "transition": Price(25e-6, "state transition", f"{_AWS}step-functions/pricing/", _KNOWN),
    "sqs": Price(0.4e-6, "request", f"{_AWS}sqs/pricing/", _KNOWN),
    "firehose": Price(0.029, "GB, in records of 5 KB", f"{_AWS}firehose/pricing/", _KNOWN),
    "api": Price(3.5e-6, "request of a REST API", f"{_AWS}api-gateway/pricing/", _KNOWN),
    "sagemaker serverless": Price(20e-6, "GB-second", f"{_AWS}sagemaker/ai/pricing/", _KNOWN),
    "sagemaker serverless data": Price(0.016, "GB", f"{_AWS}sagemaker/ai/pricing/", _KNOWN),
    "ml.t3.medium": Price(
        0.05, "hour", "https://www.wring.co/blog/aws-sagemaker-inference-guide", "2026-03-15"
    ),
}
FIREHOSE_RECORD = 5 * 1024
_GB = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What some work took of AWS.

    Attributes:
        rows: Rows predicted.
        reads: Request units of DynamoDB that read.
        writes: Those that write.
        s3_reads: GET, HEAD and their like.
        s3_writes: PUT, POST, COPY and LIST.
        transitions: States entered by state machines.
        invocations: Of functions, as memory in MB and seconds billed.
        messages: Requests of SQS.
        log_lines: Lines of the prediction log, of less than 5 KB each.
        requests: Of the API.
    """

    rows: int
    reads: float = 0.0
    writes: float = 0.0
    s3_reads: int = 0
    s3_writes: int = 0
    transitions: int = 0
    invocations: tuple[tuple[int, float], ...] = ()
    messages: int = 0
    log_lines: int = 0
    requests: int = 0

    @property
    def lambda_ms(self) -> float:
        """Milliseconds billed of all functions."""
        return sum(seconds for _, seconds in self.invocations) * 1000

    def usd(self, processor: Processor = Processor.X86) -> float:
        """Dollars for all of it."""
        counted = {
            "dynamodb read": self.reads,
            "dynamodb write": self.writes,
            "s3 read": self.s3_reads,
            "s3 write": self.s3_writes,
            "transition": self.transitions,
            "sqs": self.messages,
            "firehose": self.log_lines * FIREHOSE_RECORD / _GB,
            "api": self.requests,
        }
        calls = sum(TABLE[name].usd * count for name, count in counted.items())
        return calls + sum(
            invocation_usd(seconds, memory, processor) for memory, seconds in self.invocations
        )

    def usd_per_million_rows(self) -> float:
        """Dollars for a million rows at this rate."""
        return self.usd() / self.rows * 1e6


def billed_seconds(processor_seconds: float, memory_mb: int) -> float:
    """How long a function runs that needs so much of a processor: with less memory, longer."""
    return processor_seconds * max(1.0, ONE_PROCESSOR_MB / memory_mb)


def sagemaker_serverless_usd(seconds: float, memory_mb: int, carried: int) -> float:
    """One request to SageMaker Serverless Inference, which carries so many bytes in all."""
    compute = seconds * memory_mb / _MB_OF_A_GB * TABLE["sagemaker serverless"].usd
    return compute + carried / _GB * TABLE["sagemaker serverless data"].usd


def always_on_usd(instance: str, requests_a_month: float) -> float:
    """One request to an instance that is always there, of so many a month."""
    return TABLE[instance].usd * HOURS_A_MONTH / requests_a_month
