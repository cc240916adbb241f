"""Events of the default bus, as they reach a queue of the test's own."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SOURCES = ("servery.jobs", "servery.batch", "servery.graph", "servery.monitoring")


@contextmanager
def listening(bus: Any, queues: Any) -> Iterator[Callable[[str], list[dict[str, Any]]]]:
    """Listen to what is told; the events so far of a job or a batch by its id, or of a model.

    Args:
        bus: Client of EventBridge.
        queues: Client of SQS.
    """
    name = f"test-{uuid.uuid4().hex[:8]}"
    url = queues.create_queue(QueueName=name)["QueueUrl"]
    asked = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = asked["Attributes"]["QueueArn"]
    pattern = json.dumps({"source": SOURCES})
    rule = bus.put_rule(Name=name, EventPattern=pattern)["RuleArn"]
    policy = json.dumps(_policy(arn, rule))
    queues.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    bus.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    seen: list[dict[str, Any]] = []

    def of(identity: str) -> list[dict[str, Any]]:
        answer = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            seen.append(json.loads(message["Body"]))
            queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [
            event
            for event in seen
            if identity in (event["detail"].get(name) for name in ("job", "batch", "model"))
        ]

    try:
        yield of
    finally:
        bus.remove_targets(Rule=name, Ids=["queue"])
        bus.delete_rule(Name=name)
        queues.delete_queue(QueueUrl=url)


@contextmanager
def subscribed(
    topics: Any, queues: Any, topic: str
) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Subscribe a queue to a topic; the messages so far, as SNS hands them over.

    Args:
        topics: Client of SNS.
        queues: Client of SQS.
        topic: ARN of the topic.
    """
    url = queues.create_queue(QueueName=f"test-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    asked = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = asked["Attributes"]["QueueArn"]
    policy = json.dumps(_policy(arn, topic, service="sns.amazonaws.com"))
    queues.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    made = topics.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True
    )
    seen: list[dict[str, Any]] = []

    def so_far() -> list[dict[str, Any]]:
        answer = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            seen.append(json.loads(message["Body"]))
            queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return list(seen)

    try:
        yield so_far
    finally:
        topics.unsubscribe(SubscriptionArn=made["SubscriptionArn"])
        queues.delete_queue(QueueUrl=url)


def _policy(queue: str, source: str, *, service: str = "events.amazonaws.com") -> dict[str, Any]:
    """What lets a rule or a topic send to the queue, and nobody else."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": service},
                "Action": "sqs:SendMessage",
                "Resource": queue,
                "Condition": {"ArnEquals": {"aws:SourceArn": source}},
            }
        ],
    }
