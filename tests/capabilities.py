"""What a cloud can do, for tests that need more than every target has.

A test that needs more says so, `@pytest.mark.needs("iam_enforcement")`, and is skipped with the
reason on a target that lacks it. What every target can do has no entry. The target is named by
the environment variable SERVERY_CLOUD, MiniStack without it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import pytest

Target = Literal["ministack", "localstack", "aws"]
TARGETS: tuple[Target, ...] = get_args(Target)
VARIABLE = "SERVERY_CLOUD"
MARK = "needs(capability, ...): what the test's target has to be able to do"


@dataclass(frozen=True)
class Capability:
    """Something that not every target can do.

    Attributes:
        sentence: What such a target does.
        lacking: Target that cannot to the reason, which a skipped test shows.
    """

    sentence: str
    lacking: Mapping[Target, str]


CAPABILITIES: Mapping[str, Capability] = {
    "iam_enforcement": Capability(
        "A function is refused what the policies of its role do not allow.",
        {"localstack": "LocalStack's open release lets every caller do everything"},
    ),
    "usage_plan_throttling": Capability(
        "A key that asks more often than its plan allows is answered 429.",
        {"localstack": "LocalStack validates keys and counts no requests"},
    ),
    "gateway_responses": Capability(
        "The API answers by itself (403, 404, 429) in the shape that the template gives it.",
        {
            "ministack": "MiniStack does not read gateway responses from an API's definition",
            "localstack": "LocalStack does not read gateway responses from an API's definition",
        },
    ),
    "encoded_bodies": Capability(
        "A compressed body reaches the function as it was sent.",
        {"localstack": "LocalStack unpacks every gzip body before any service sees it"},
    ),
    "firehose_dynamic_partitioning": Capability(
        "Firehose writes below a prefix that is made from fields of the record.",
        {"localstack": "LocalStack's Firehose takes the prefix literally and extracts nothing"},
    ),
    "published_alias_update": Capability(
        "A stack is updated whose function has an AutoPublishAlias.",
        {"localstack": "LocalStack 4.14 fails with 'Alias already exists'"},
    ),
    "alias_weights": Capability(
        "An alias sends a share of its invocations to a second version.",
        {"ministack": "MiniStack keeps the weights of an alias and ignores them"},
    ),
    "reserved_concurrency": Capability(
        "CloudFormation reserves concurrency for a function, and more at once is refused.",
        {"ministack": "MiniStack's CloudFormation drops ReservedConcurrentExecutions"},
    ),
    "map_item_batcher": Capability(
        "A Distributed Map hands its children batches of items.",
        {
            "ministack": "MiniStack ignores ItemBatcher silently",
            "localstack": "LocalStack 4.14 has no ItemBatcher",
        },
    ),
    "map_result_writer": Capability(
        "A Distributed Map writes the results of its children to S3.",
        {"ministack": "MiniStack ignores ResultWriter silently"},
    ),
    "map_json_lines": Capability(
        "A Distributed Map reads its items from JSON lines.",
        {"localstack": "LocalStack 4.14 reads JSON arrays and CSV"},
    ),
    "map_express_children": Capability(
        "The children of a Distributed Map are express executions.",
        {"localstack": "LocalStack 4.14 runs standard children only"},
    ),
    "stop_while_waiting": Capability(
        "An execution that waits for a task token is stopped at once.",
        {"localstack": "LocalStack finishes the state first, which nobody answers"},
    ),
    "dynamodb_streams": Capability(
        "Changes of a table arrive at a function.",
        {"localstack": "DynamoDB runs on moto there, without streams"},
    ),
    "metric_filters": Capability(
        "A metric is made from the lines of a log group.",
        {"localstack": "LocalStack 4.14 creates no metric filters from a template"},
    ),
    "loopback_only": Capability(
        "The cloud listens on this machine alone.",
        {"aws": "AWS is reached over the internet"},
    ),
    "local_processes": Capability(
        "Functions run as processes of this machine, which a test can end.",
        {"aws": "functions run on machines of AWS"},
    ),
    "two_local_origins": Capability(
        "The page is served under two names of this machine, which are two origins.",
        {"aws": "a stage has one name"},
    ),
}


def current_target(environment: Mapping[str, str] = os.environ) -> Target:
    """The target that the tests run against.

    Raises:
        pytest.UsageError: SERVERY_CLOUD names none.
    """
    named = environment.get(VARIABLE) or TARGETS[0]
    for target in TARGETS:
        if target == named:
            return target
    raise pytest.UsageError(f"{VARIABLE}={named}: known are {', '.join(TARGETS)}")


def needed_by(item: pytest.Item) -> tuple[str, ...]:
    """The capabilities that a test names, its class and module included.

    Raises:
        pytest.UsageError: a mark names none, or one that is not known.
    """
    found: dict[str, None] = {}
    for mark in item.iter_markers("needs"):
        if not mark.args or mark.kwargs:
            raise pytest.UsageError(f"{item.nodeid}: needs what? Name capabilities, by position")
        for name in mark.args:
            if name not in CAPABILITIES:
                known = ", ".join(CAPABILITIES)
                raise pytest.UsageError(f"{item.nodeid}: needs {name!r}; known are {known}")
            found[name] = None
    return tuple(found)


def lacking(names: Iterable[str], target: Target) -> str | None:
    """Why a test cannot run on a target; None if it can."""
    reasons = [
        f"needs {name}: {CAPABILITIES[name].lacking[target]}"
        for name in names
        if target in CAPABILITIES[name].lacking
    ]
    return "; ".join(reasons) or None


def skip_what_cannot_run(items: Iterable[pytest.Item]) -> None:
    """Mark the tests that need what the target lacks as skipped, with the reason.

    Raises:
        pytest.UsageError: an unknown capability or target is named.
    """
    target = current_target()
    for item in items:
        reason = lacking(needed_by(item), target)
        if reason is not None:
            item.add_marker(pytest.mark.skip(reason=reason))
