"""Signals to releases in the registry's table, each an item of its own that goes after a while.

| pk | sk | document |
| --- | --- | --- |
| MODEL#name | SIGNAL#release#token | token of the execution that waits |
| MODEL#name | SIGNAL#release#abort | why the release is to stop |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.adapters.dynamodb_table import DynamoDbTable
from servery.errors import ConflictError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from servery.ports import Clock

KEPT_SECONDS = 60 * 86_400
"""Longer than any approval is waited for."""


class DynamoDbReleaseSignals:
    """Signals to releases under way.

    Args:
        client: Client of DynamoDB.
        table: Name of the registry's table.
        clock: The time.
    """

    def __init__(self, client: DynamoDBClient, table: str, clock: Clock) -> None:
        self._table = DynamoDbTable(client, table)
        self._clock = clock

    def keep_token(self, model: str, release: str, token: str) -> None:
        """Keep by what the execution that waits can be told to go on; the last one counts."""
        self._put(
            model, f"{release}#token", token, "attribute_not_exists(pk) OR attribute_exists(pk)"
        )

    def token(self, model: str, release: str) -> str:
        """By what it can be told; empty where nothing waits."""
        return self._table.get(_key(model, f"{release}#token"), str) or ""

    def ask_abort(self, model: str, release: str, reason: str) -> None:
        """Ask a release to stop; asked twice, the first reason stays."""
        try:
            self._put(model, f"{release}#abort", reason, "attribute_not_exists(pk)")
        except ConflictError:
            return

    def abort_reason(self, model: str, release: str) -> str:
        """Why it is to stop; empty where nobody has asked it to."""
        return self._table.get(_key(model, f"{release}#abort"), str) or ""

    def _put(self, model: str, name: str, said: str, condition: str) -> None:
        until = int(self._clock.now().timestamp()) + KEPT_SECONDS
        self._table.put(
            _key(model, name),
            said,
            taken="it has been said before",
            condition=condition,
            attributes={"expires_at": {"N": str(until)}},
        )


def _key(model: str, name: str) -> tuple[str, str]:
    return f"MODEL#{model}", f"SIGNAL#{name}"
