"""Reports of looks in the lake: the figures as JSON, and a page about them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from servery.adapters.aws_errors import aws_errors
from servery.adapters.html_report import page
from servery.domain.watch_records import playbook_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from servery.domain.watching import Look, WatchState

PREFIX = "reports"


class S3LookReports:
    """Writes reports below `reports/model=M/day=D/`.

    A look that has something to tell keeps its own; those that have not share one an hour, since a
    quiet model would else fill the lake with pages that say the same.

    Args:
        client: Client of S3.
        bucket: Name of the lake's bucket.
        playbooks: Where the playbooks are.
    """

    def __init__(self, client: S3Client, bucket: str, playbooks: str) -> None:
        self._client = client
        self._bucket = bucket
        self._playbooks = playbooks

    def write(self, identity: str, look: Look, state: WatchState, *, lasting: bool) -> str:
        """Write both; their key without the ending.

        Raises:
            RetryableError: S3 did not take them.
        """
        key = report_key(identity, look, lasting=lasting)
        drawn = page(
            look,
            alarms=list(state.open.values()),
            counts=state.hours,
            playbook=lambda kind: playbook_of(kind, self._playbooks),
        )
        self._put(f"{key}.html", drawn.encode(), "text/html; charset=utf-8")
        self._put(f"{key}.json", msgspec.json.encode(look), "application/json")
        return key

    def _put(self, key: str, content: bytes, kind: str) -> None:
        with aws_errors("writing a report to the lake"):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=content, ContentType=kind)


def report_key(identity: str, look: Look, *, lasting: bool) -> str:
    """Where the report of a look is, without the ending."""
    at = datetime.fromisoformat(look.at)
    name = identity if lasting else f"{at:%H}h"
    return f"{PREFIX}/model={look.model}/day={at.date().isoformat()}/{name}"
