"""The topic of alarms: one message for what a look has to tell, for people to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.adapters.aws_errors import aws_errors
from servery.domain.watching import AlarmState

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

    from servery.domain.watch_records import Notice, Telling

SHOWN = 25
"""Alarms that a message has; it says how many more there are."""
_LONGEST_SUBJECT = 100
_SAID = {
    AlarmState.OPENED: "new",
    AlarmState.REMINDED: "still open",
    AlarmState.CLOSED: "closed",
}


class SnsAlarmTopic:
    """Publishes to the topic; attributes `model`, `severity` and `look` are there to filter by.

    Args:
        client: Client of SNS.
        arn: Of the topic.
    """

    name = "topic"

    def __init__(self, client: SNSClient, arn: str) -> None:
        self._client = client
        self._arn = arn

    def tell(self, telling: Telling) -> None:
        """Publish one message.

        Raises:
            RetryableError: the topic did not take it.
        """
        attributes = {
            "model": telling.model,
            "severity": telling.severity.value,
            "look": telling.look,
        }
        with aws_errors("publishing to the topic of alarms"):
            self._client.publish(
                TopicArn=self._arn,
                Subject=subject(telling),
                Message=message(telling),
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value}
                    for name, value in attributes.items()
                },
            )


def subject(telling: Telling) -> str:
    """What a mail is called: plain ASCII, no more than SNS takes."""
    notices = telling.notices
    first = notices[0]
    what = f"{first.kind.value} {first.subject}".strip() if len(notices) == 1 else _counted(notices)
    said = f"[{telling.severity.value}] {telling.model}: {what}"
    if len(notices) == 1:
        said += f" {_SAID[first.state]}"
    return said.encode("ascii", "replace").decode()[:_LONGEST_SUBJECT]


def message(telling: Telling) -> str:
    """All of it in sentences."""
    first = telling.notices[0]
    lines = [f"{first.model} {first.version}, as of {first.at}", ""]
    for notice in telling.notices[:SHOWN]:
        name = " ".join(part for part in (notice.kind.value, notice.subject) if part)
        lines += [
            f"{notice.severity.value} | {name} | {_SAID[notice.state]}, open since {notice.since}",
            f"  {notice.said}",
            f"  value {notice.value:.6g}, bound {notice.bound:.6g}",
            f"  playbook: {notice.playbook}",
            f"  id: {notice.id}",
            "",
        ]
    rest = len(telling.notices) - SHOWN + telling.more
    if rest > 0:
        lines += [f"... and {rest} more.", ""]
    lines.append(f"All figures: servery drift {first.model}")
    return "\n".join(lines)


def _counted(notices: list[Notice]) -> str:
    states = [notice.state for notice in notices]
    counts = ((state, states.count(state)) for state in AlarmState)
    return ", ".join(f"{count} {_SAID[state]}" for state, count in counts if count)
