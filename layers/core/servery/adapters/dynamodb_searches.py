"""Searches and their trials in the registry's table.

| pk | sk | document |
| --- | --- | --- |
| SEARCH#model | id | SearchRecord |
| TRIALS#id | number (padded) | Trial |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from servery.adapters.dynamodb_table import DynamoDbTable
from servery.domain.search_records import SearchRecord, Trial
from servery.errors import ConflictError, NotFoundError, UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_TRIES = 5
_NOT_FOUND = "there is no such search of that model"


class DynamoDbSearches:
    """A `SearchStore`; conditional writes only, reads that see every earlier write.

    Args:
        client: Client of DynamoDB.
        table: Name of the table; keys `pk` and `sk`.
    """

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._table = DynamoDbTable(client, table)

    def add(self, record: SearchRecord) -> None:
        """Keep a new search; `ConflictError` where the id is taken."""
        self._put(record, "attribute_not_exists(pk)", None)

    def change(
        self, model: str, search: str, change: Callable[[SearchRecord], SearchRecord]
    ) -> SearchRecord:
        """Read, change and write a record, again where somebody else was faster.

        Raises:
            NotFoundError: there is none.
            UnavailableError: somebody else was faster each time.
        """
        for _ in range(_TRIES):
            known = self.search(model, search)
            wanted = change(known)
            if wanted == known:
                return known
            record = msgspec.structs.replace(wanted, revision=known.revision + 1)
            try:
                self._put(record, "revision = :before", known.revision)
            except ConflictError:
                continue
            return record
        raise UnavailableError("the search is being written by somebody else")

    def search(self, model: str, search: str) -> SearchRecord:
        """One search; `NotFoundError` where there is none."""
        record = self._table.get((_of(model), search), SearchRecord)
        if record is None:
            raise NotFoundError(_NOT_FOUND)
        return record

    def searches(self, model: str, limit: int = 20, before: str = "") -> list[SearchRecord]:
        """The last searches of a model, newest first."""
        start = f"{model}-"
        return self._table.query(_of(model), start, SearchRecord, newest=limit, before=before)

    def add_trial(self, search: str, trial: Trial) -> None:
        """Keep a trial that is over; the first record of a trial stays."""
        try:
            self._table.put(
                (f"TRIALS#{search}", f"{trial.number:05d}"),
                trial,
                taken="the trial is kept already",
            )
        except ConflictError:
            return

    def trials(self, search: str) -> list[Trial]:
        """The trials of a search that are over, by number."""
        return self._table.query(f"TRIALS#{search}", "", Trial)

    def _put(self, record: SearchRecord, condition: str, before: int | None) -> None:
        self._table.put(
            (_of(record.model), record.id),
            record,
            taken="the search has changed meanwhile",
            condition=condition,
            attributes={"revision": {"N": str(record.revision)}},
            values=None if before is None else {":before": {"N": str(before)}},
        )


def _of(model: str) -> str:
    return f"SEARCH#{model}"
