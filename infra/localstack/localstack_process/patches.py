"""Six corrections to LocalStack 4.14, each for a behaviour that one would trip over.

They are made with LocalStack's own `patch`, which hands the original to its replacement.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from localstack.runtime.server.twisted import TwistedRuntimeServer
from localstack.services.cloudformation.engine.v2.change_set_model import (
    NodeIntrinsicFunctionFnTransform,
)
from localstack.services.cloudformation.engine.v2.change_set_model_transform import (
    ChangeSetModelTransform,
)
from localstack.services.lambda_ import api_utils
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion
from localstack.services.lambda_.provider import LambdaProvider
from localstack.services.lambda_.resource_providers.aws_lambda_function import (
    LambdaFunctionProvider,
)
from localstack.services.s3.notifications import EventBridgeNotifier
from localstack.utils.patch import patch
from localstack.utils.threads import TMP_THREADS
from localstack.version import version
from twisted.internet.endpoints import TCP4ServerEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOG = logging.getLogger(__name__)
RELEASE = "4.14."
FORGOTTEN_SECONDS = 10.0

_interface: ContextVar[str] = ContextVar("interface", default="")
_aliased: ContextVar[FunctionVersion | None] = ContextVar("aliased", default=None)


def apply() -> None:
    """Correct this LocalStack; another release is left alone, with a warning."""
    if not str(version).startswith(RELEASE):
        LOG.warning("LocalStack %s is not %sx: it runs without corrections.", version, RELEASE)
        return
    patch_interface()
    patch_local_transforms()
    patch_alias_weights()
    patch_reserved_concurrency()
    patch_object_keys()
    threading.Thread(target=forget_threads, name="forget-threads", daemon=True).start()


def patch_interface() -> None:
    """Listen on the host of GATEWAY_LISTEN alone.

    The server takes the port of each entry and leaves its host out (`TODO: interface = host?`),
    so that `127.0.0.1:4566` is open to the whole network, with functions that run as whoever
    started LocalStack. In a container, where it is meant to run, the host makes no difference.
    """

    @patch(TwistedRuntimeServer.register)
    def _register(original: Any, self: Any, gateway: Any, listen: Any, *more: Any) -> None:
        for one in listen:
            token = _interface.set(str(one.host))
            try:
                original(self, gateway, [one], *more)
            finally:
                _interface.reset(token)

    @patch(TCP4ServerEndpoint.__init__)
    def _made(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        if _interface.get():
            kwargs.setdefault("interface", _interface.get())
        original(self, *args, **kwargs)


def patch_local_transforms() -> None:
    """Let a template refer to what only the SAM transform makes.

    Before it applies the SAM transform, LocalStack evaluates every property of every resource,
    looking for `Fn::Transform`. A reference such as `!Ref MyFunction.Version` or `!GetAtt
    MyFunctionRole.Arn` names a resource that does not exist yet, and the change set fails with
    "Unresolved resource dependencies". Here only the transforms themselves are evaluated (an
    included definition of a state machine, say); a reference that stays unresolved still fails
    afterwards.
    """

    @patch(ChangeSetModelTransform._execute_local_transforms)
    def _transforms_alone(_: Callable[[Any], None], self: Any) -> None:
        resources = self._change_set.update_model.node_template.resources
        for transform in local_transforms(resources):
            self.visit(transform)


def local_transforms(node: Any) -> Iterator[NodeIntrinsicFunctionFnTransform]:
    """Every `Fn::Transform` in a part of a template, the outer one first."""
    for child in node.get_children():
        if isinstance(child, NodeIntrinsicFunctionFnTransform):
            yield child
        else:
            yield from local_transforms(child)


def patch_alias_weights() -> None:
    """Let UpdateAlias set the weights of a second version.

    `update_alias` calls `_create_routing_config_model` without the function version that the
    alias points to, though it is required, and every UpdateAlias with AdditionalVersionWeights
    answers with a TypeError. CreateAlias passes it and works. Here `update_alias` makes the
    version known for as long as it runs, and the model takes it from there.
    """

    @patch(LambdaProvider.update_alias)
    def _update_alias(original: Any, self: Any, context: Any, *args: Any, **kwargs: Any) -> Any:
        token = _aliased.set(_alias_target(self, context, kwargs))
        try:
            return original(self, context, *args, **kwargs)
        finally:
            _aliased.reset(token)

    @patch(LambdaProvider._create_routing_config_model)
    def _create_model(original: Any, self: Any, weights: Any, target: Any = None) -> Any:
        return original(self, weights, target or _aliased.get())


def _alias_target(provider: Any, context: Any, request: dict[str, Any]) -> FunctionVersion | None:
    """The version that the alias points to after the request; None leaves errors to LocalStack."""
    name = request["function_name"]
    account, region = api_utils.get_account_and_region(name, context)
    function = provider._get_function(
        function_name=api_utils.get_function_name(name, context),
        region=region,
        account_id=account,
    )
    alias = function.aliases.get(request["name"])
    qualifier = request.get("function_version") or (alias and alias.function_version)
    return function.versions.get(qualifier)


def patch_reserved_concurrency() -> None:
    """Let CloudFormation set and take away ReservedConcurrentExecutions.

    The resource provider of AWS::Lambda::Function passes on the properties that it lists, and
    this one is not among them: a function that is limited on AWS is not limited here, without
    a word. It is not part of CreateFunction either, but of an operation of its own.
    """

    @patch(LambdaFunctionProvider.create)
    def _create(original: Any, self: Any, request: Any) -> Any:
        return _with_concurrency(original(self, request), request)

    @patch(LambdaFunctionProvider.update)
    def _update(original: Any, self: Any, request: Any) -> Any:
        return _with_concurrency(original(self, request), request)


def _with_concurrency(event: Any, request: Any) -> Any:
    if event.status.name != "SUCCESS":
        return event
    name = event.resource_model["FunctionName"]
    wanted = request.desired_state.get("ReservedConcurrentExecutions")
    before = (request.previous_state or {}).get("ReservedConcurrentExecutions")
    client = request.aws_client_factory.lambda_
    if wanted is not None:
        client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=int(wanted))
    elif before is not None:
        client.delete_function_concurrency(FunctionName=name)
    return event


def patch_object_keys() -> None:
    """Tell EventBridge the key of an object as it is.

    S3 quotes keys in the notifications that it sends to queues, topics and functions, and not in
    those to EventBridge. LocalStack quotes them everywhere, so that `a b.csv` is an object that
    nobody finds.
    """

    @patch(EventBridgeNotifier.notify)
    def _notify(original: Any, self: Any, ctx: Any, config: Any) -> None:
        original(self, dataclasses.replace(ctx, key_name=unquote(ctx.key_name)), config)


def forget_threads() -> None:
    """Let go of threads that have ended, for as long as LocalStack runs.

    It keeps each one that it starts, several for an invocation or a state, to stop them with
    itself. From Python 3.13 on, a thread that is kept keeps its stack, which is two mappings of
    memory; Linux gives a process 65,530, so that after 32,000 threads no other one starts.
    """
    while True:
        time.sleep(FORGOTTEN_SECONDS)
        for thread in list(TMP_THREADS):
            begun = isinstance(thread, threading.Thread) and thread.ident is not None
            if begun and not thread.is_alive():
                with suppress(ValueError):
                    TMP_THREADS.remove(thread)
