"""The watch over models in the registry's table.

| pk | sk | document | revision | expires_at |
| --- | --- | --- | --- | --- |
| WATCH#model | record | WatchRecord | of the record | |
| WATCH#model | look#id | LookRecord | | TTL |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.adapters.dynamodb_table import DynamoDbTable
from servery.domain.watch_records import LookRecord, WatchRecord, bounded

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from servery.ports import Clock

LOOKS_KEPT_SECONDS = 90 * 86_400
_RECORD = "record"
_LOOK = "look#"
_TAKEN = "the watch over the model was written by somebody else meanwhile"


class DynamoDbWatches:
    """A `WatchStore`; conditional writes only, reads that see every earlier write.

    Args:
        client: Client of DynamoDB.
        table: Name of the table; keys `pk` and `sk`.
        clock: What looks expire by.
    """

    def __init__(self, client: DynamoDBClient, table: str, clock: Clock) -> None:
        self._table = DynamoDbTable(client, table)
        self._clock = clock

    def watch(self, model: str) -> WatchRecord | None:
        """What is known of a model; None where nobody has looked at it."""
        return self._table.get((_of(model), _RECORD), WatchRecord)

    def put(self, record: WatchRecord, look: LookRecord | None = None) -> None:
        """Write the next revision and, in one with it, a look that came to an end.

        Raises:
            ConflictError: the stored revision is not exactly one lower.
        """
        first = record.revision == 1
        parts = [
            self._table.write(
                (_of(record.model), _RECORD),
                bounded(record),
                "attribute_not_exists(pk)" if first else "revision = :before",
                {"revision": {"N": str(record.revision)}},
                None if first else {":before": {"N": str(record.revision - 1)}},
            )
        ]
        if look is not None:
            expires = int(self._clock.now().timestamp()) + LOOKS_KEPT_SECONDS
            parts.append(
                self._table.write(
                    (_of(record.model), f"{_LOOK}{look.id}"),
                    look,
                    attributes={"expires_at": {"N": str(expires)}},
                )
            )
        self._table.put_together(parts, taken=_TAKEN)

    def looks(self, model: str, limit: int = 20, before: str = "") -> list[LookRecord]:
        """The last looks at a model, newest first; with an id lower than `before`."""
        end = f"{_LOOK}{before}" if before else ""
        return self._table.query(_of(model), _LOOK, LookRecord, newest=limit, before=end)


def _of(model: str) -> str:
    return f"WATCH#{model}"
