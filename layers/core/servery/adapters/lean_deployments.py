"""Deployment records read without an SDK: the one thing of the registry that answering needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from servery.domain.deployment import Deployment
from servery.errors import FaultError, NotFoundError, ThrottledError, UnavailableError

if TYPE_CHECKING:
    from servery.adapters.lean_dynamodb import Document, LeanDynamoDb

TRIES = 2
SECONDS = 1.0
_DOING = "reading the registry"


@dataclass(frozen=True, slots=True)
class LeanDeployments:
    """`DeploymentRecords` of the registry's table.

    Attributes:
        api: DynamoDB.
        table: Name of the registry's table.
        seconds: How long one try waits.
    """

    api: LeanDynamoDb
    table: str
    seconds: float = SECONDS

    def deployment(self, model: str) -> Deployment:
        """Who answers for a model, as the last writer left it.

        Raises:
            NotFoundError: nothing is released.
            ThrottledError: the table takes no more, when it was asked twice.
            UnavailableError: it does not answer, when it was asked twice.
            FaultError: it refuses.
        """
        item = self._read(model).get("Item")
        if item is None:
            raise NotFoundError("nothing of that model is released")
        return msgspec.json.decode(item["doc"]["S"], type=Deployment)

    def _read(self, model: str) -> Document:
        key = {"pk": {"S": "DEPLOYMENTS"}, "sk": {"S": model}}
        asked = {"TableName": self.table, "Key": key, "ConsistentRead": True}
        for left in reversed(range(TRIES)):
            try:
                return self.api.call("GetItem", asked, seconds=self.seconds)
            except ThrottledError as error:
                if not left:
                    raise ThrottledError(f"{_DOING} is throttled") from error
            except UnavailableError as error:
                if not left:
                    raise UnavailableError(f"{_DOING} got no answer") from error
            except FaultError as error:
                raise FaultError(f"{_DOING} was refused") from error
        raise AssertionError("there is a last try")
