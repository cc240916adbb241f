"""DynamoDB served by moto, inside LocalStack's process."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from localstack.aws.api.dynamodb import DynamodbApi
from localstack.services.moto import MotoFallbackDispatcher

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class MotoDynamodb(DynamodbApi):
    """Implements no operation itself, so that LocalStack passes every one to moto.

    LocalStack's own providers run DynamoDB Local, which is a download and needs Java.
    """


def dispatch_table(provider: MotoDynamodb) -> dict[str, Callable[..., object]]:
    """Every operation, passed to moto one at a time.

    LocalStack answers requests in several threads, and moto reads an item, changes it and
    stores it without a lock: two that add to one counter, or that both want to be first, would
    now and then both succeed where DynamoDB lets only one.
    """
    lock = threading.Lock()
    operations = MotoFallbackDispatcher(provider)
    return {name: partial(_alone, lock, operation) for name, operation in operations.items()}


def _alone(lock: threading.Lock, operation: Callable[..., T], *args: object, **kw: object) -> T:
    with lock:
        return operation(*args, **kw)
