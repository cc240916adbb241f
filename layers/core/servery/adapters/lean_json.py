"""Clients of AWS's JSON services with nothing around them, named and answering as boto3's do.

Importing boto3 and making one client takes longer than all the rest of a front function's start.
What an adapter calls is spelt as in boto3, is retried as by botocore's "standard" mode and raises
botocore's exceptions, so an adapter need not know which of the two it has.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.exceptions import ClientError, HTTPClientError

from servery.adapters.lean_answers import answer_of, code_of, refusal_of
from servery.adapters.lean_http import botocore_failures, traced
from servery.adapters.sigv4 import Credentials, sign_json

if TYPE_CHECKING:
    from servery.adapters.kept_connections import HttpAnswer, KeptConnections
    from servery.adapters.standard_retries import StandardRetries
    from servery.ports import Clock

Document = dict[str, Any]

_REFUSED = 300
_TOKEN_BYTES = 16


@dataclass(frozen=True, slots=True)
class Service:
    """One service of AWS, of those that take a JSON document and answer with one.

    Attributes:
        name: In addresses and signatures.
        target: Before the name of an operation, in a header.
        version: Of the protocol.
        operations: What the library asks of it, named as by boto3.
        token: The operation that has a token, by which a repeat is known, and the token's name.
        pages: Operations that answer in pages: the token of an answer, the token of the next
            request, how the size of a page is called, and where the entries are.
        headers: Of each request, beside those that all services take.
    """

    name: str
    target: str
    version: str
    operations: frozenset[str]
    token: tuple[str, str] = ("", "")
    pages: dict[str, tuple[str, str, str, str]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


DYNAMODB = Service(
    "dynamodb",
    "DynamoDB_20120810",
    "1.0",
    frozenset(
        {
            "batch_get_item",
            "batch_write_item",
            "delete_item",
            "get_item",
            "put_item",
            "query",
            "transact_write_items",
            "update_item",
        }
    ),
    token=("transact_write_items", "ClientRequestToken"),
    pages={"query": ("LastEvaluatedKey", "ExclusiveStartKey", "Limit", "Items")},
)
SQS = Service(
    "sqs",
    "AmazonSQS",
    "1.0",
    frozenset(
        {
            "change_message_visibility_batch",
            "delete_message_batch",
            "receive_message",
            "send_message",
            "send_message_batch",
        }
    ),
    headers={"x-amzn-query-mode": "true"},  # refusals have the codes that boto3 shows
)
STEP_FUNCTIONS = Service(
    "states",
    "AWSStepFunctions",
    "1.0",
    frozenset({"describe_execution", "list_executions", "send_task_success", "start_execution"}),
    pages={"list_executions": ("nextToken", "nextToken", "maxResults", "executions")},
)
EVENTS = Service("events", "AWSEvents", "1.1", frozenset({"put_events"}))
FIREHOSE = Service("firehose", "Firehose_20150804", "1.1", frozenset({"put_record_batch"}))


@dataclass(frozen=True, slots=True, kw_only=True)
class LeanJson:
    """A client of one service over connections that are kept; any number of threads may share it.

    Its operations are methods: `client.get_item(TableName="t", Key={...})`.

    Attributes:
        service: Whose.
        connections: To its address.
        region: Its region.
        credentials: Gives who asks, at each try, since they may be renewed.
        clock: What requests are signed by.
        connect_s: Seconds that a connection may take.
        read_s: Seconds that an answer may take.
        retries: How often a call is tried.
        trace: Gives the trace that a call belongs to, as Lambda names it; empty for none.
    """

    service: Service
    connections: KeptConnections
    region: str
    credentials: Callable[[], Credentials]
    clock: Clock
    connect_s: float
    read_s: float
    retries: StandardRetries
    trace: Callable[[], str] = str

    def __getattr__(self, name: str) -> Callable[..., Document]:
        if name not in self.service.operations:
            raise AttributeError(f"{self.service.name} is not asked to {name}")

        def operation(**asked: object) -> Document:
            return self._call(name, asked)

        return operation

    def get_paginator(self, name: str) -> Pages:
        """All pages of an operation, as botocore gives them."""
        return Pages(getattr(self, name), *self.service.pages[name])

    def _call(self, name: str, asked: Document) -> Document:
        operation = name.title().replace("_", "")
        with_token, token = self.service.token
        if name == with_token:
            asked = {token: os.urandom(_TOKEN_BYTES).hex(), **asked}
        content = msgspec.json.encode(asked)  # bytes become base64, as the protocol has them
        response, tried = self.retries.answer(lambda: self._send(operation, content), code_of)
        if response.status < _REFUSED:
            return answer_of(response, tried)
        told = refusal_of(response, tried)
        if tried + 1 >= self.retries.attempts:
            told["ResponseMetadata"]["MaxAttemptsReached"] = True
        raise ClientError(told, operation)  # type: ignore[arg-type]

    def _send(self, operation: str, content: bytes) -> HttpAnswer:
        headers = {**self._signed(operation, content), **self.service.headers}
        trace = self.trace()
        if trace:
            headers["x-amzn-trace-id"] = traced(trace)
        with botocore_failures(self.connections.host):
            response = self.connections.post(
                "/", headers, content, connect_s=self.connect_s, answer_s=self.read_s
            )
        checksum = response.headers.get("x-amz-crc32")  # DynamoDB tells it
        if checksum is not None and int(checksum) != zlib.crc32(response.data):
            raise HTTPClientError(error=ValueError("the answer is not what was sent"))
        return response

    def _signed(self, operation: str, content: bytes) -> dict[str, str]:
        return sign_json(
            f"{self.service.target}.{operation}",
            content,
            version=self.service.version,
            host=self.connections.host,
            region=self.region,
            service=self.service.name,
            credentials=self.credentials(),
            now=self.clock.now(),
        )


@dataclass(frozen=True, slots=True)
class Pages:
    """What a paginator of botocore does.

    Attributes:
        operation: Asks for one page.
        told: The token in an answer.
        asks: The token in a request.
        size: How a request calls the size of a page.
        entries: Where an answer has its entries.
    """

    operation: Callable[..., Document]
    told: str
    asks: str
    size: str
    entries: str

    def paginate(
        self,
        *,
        PaginationConfig: dict[str, int] | None = None,  # noqa: N803 - named as by botocore
        **asked: object,
    ) -> Iterator[Document]:
        """Page after page, each asked for when it is needed.

        Args:
            PaginationConfig: `PageSize`, and `MaxItems` for so many entries at the most.
            asked: What every page is asked with.
        """
        bounds = PaginationConfig or {}
        if "PageSize" in bounds:
            asked[self.size] = bounds["PageSize"]
        left = bounds.get("MaxItems")
        while True:
            page = self.operation(**asked)
            if left is not None:
                page[self.entries] = page[self.entries][:left]
                left -= len(page[self.entries])
            yield page
            if left == 0 or not page.get(self.told):
                return
            asked[self.asks] = page[self.told]
