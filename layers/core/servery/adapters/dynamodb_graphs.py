"""Graphs in the registry's table.

| pk | sk | document |
| --- | --- | --- |
| graph#name | graph | GraphRecord, the newest; null once it is taken out |
| graph#name | history#revision (padded) | GraphRecord |
| graphs | name | GraphRecord, the newest |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servery.adapters.dynamodb_table import DynamoDbTable
from servery.domain.graph_records import GraphRecord
from servery.errors import NotFoundError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ALL = "graphs"
_NEWEST = "graph"
# The item of the newest revision guards all that is written together with it.
_ANY = "attribute_not_exists(pk) OR attribute_exists(pk)"


class DynamoDbGraphs:
    """Keeps graphs; conditional writes only, reads that see every earlier write.

    Args:
        client: Client of DynamoDB.
        table: Name of the registry's table.
    """

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._table = DynamoDbTable(client, table)
        self._name = table

    def get(self, name: str) -> GraphRecord:
        """The newest revision; `NotFoundError` where there is no such graph."""
        record = self._table.get((_ALL, name), GraphRecord)
        if record is None:
            raise NotFoundError("there is no graph of that name")
        return record

    def put(self, record: GraphRecord) -> None:
        """Write the next revision; `ConflictError` unless the stored one is exactly one lower.

        The revision of a graph that was taken out is still the stored one.
        """
        name, first = record.spec.name, record.revision == 1
        self._table.put_together(
            [
                self._newest(name, record, record.revision, None if first else record.revision - 1),
                self._table.write((_ALL, name), record, _ANY),
                self._table.write((_of(name), f"history#{record.revision:08d}"), record),
            ],
            taken=f"the graph {name} has changed meanwhile; "
            f"revision {record.revision} does not follow what is stored",
        )

    def all(self) -> list[GraphRecord]:
        """The newest revision of each graph, by name."""
        return self._table.query(_ALL, "", GraphRecord)

    def history(self, name: str, *, limit: int, before: int) -> list[GraphRecord]:
        """The last revisions, newest first; lower than `before` where that is not 0."""
        end = f"history#{before:08d}" if before else ""
        return self._table.query(_of(name), "history#", GraphRecord, newest=limit, before=end)

    def remove(self, name: str) -> None:
        """Take a graph out; its history stays.

        Raises:
            NotFoundError: there is no such graph.
            ConflictError: it is changed at this moment.
        """
        revision = self.get(name).revision
        key = {"pk": {"S": _ALL}, "sk": {"S": name}}
        self._table.put_together(
            [
                self._newest(name, None, revision, revision),
                {"Delete": {"TableName": self._name, "Key": key}},
            ],
            taken=f"the graph {name} has changed meanwhile",
        )

    def _newest(
        self, name: str, document: GraphRecord | None, revision: int, before: int | None
    ) -> dict[str, Any]:
        """The write of the newest revision; `before` is the one that has to be stored."""
        return self._table.write(
            (_of(name), _NEWEST),
            document,
            "attribute_not_exists(pk)" if before is None else "revision = :before",
            {"revision": {"N": str(revision)}},
            None if before is None else {":before": {"N": str(before)}},
        )


def _of(name: str) -> str:
    return f"graph#{name}"
