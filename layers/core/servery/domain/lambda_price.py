"""What an invocation of a function costs, by AWS Lambda's list price.

The prices of 1 November 2026 in us-east-1, first tier, without the free tier; other regions and
savings plans differ. The start of an environment is not billed time here.
"""

from __future__ import annotations

from enum import StrEnum

PRICES_OF = "2026-11-01"
REQUEST_USD = 0.20 / 1_000_000
_MB_OF_A_GB = 1024


class Processor(StrEnum):
    """What a function runs on."""

    X86 = "x86_64"
    ARM = "arm64"


GB_SECOND_USD = {Processor.X86: 0.0000166667, Processor.ARM: 0.0000133334}


def processor_of(machine: str) -> Processor:
    """The processor by the name that the operating system has for it."""
    return Processor.ARM if machine.lower() in ("arm64", "aarch64") else Processor.X86


def invocation_usd(seconds: float, memory_mb: int, processor: Processor = Processor.X86) -> float:
    """The cost of one invocation, in US dollars.

    Args:
        seconds: How long it ran.
        memory_mb: Memory of the function, in MiB.
        processor: What it ran on.
    """
    return REQUEST_USD + seconds * memory_mb / _MB_OF_A_GB * GB_SECOND_USD[processor]
