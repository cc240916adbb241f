"""The runtime executor `process`: LocalStack's side of an execution environment."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from localstack import config
from localstack.services.lambda_.invocation.executor_endpoint import StatusErrorException
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.runtime_executor import (
    LambdaRuntimeException,
    RuntimeExecutor,
)

from localstack_process import host
from localstack_process.emf import Origin
from localstack_process.environment import Environment, Limits
from localstack_process.handover import Invocation
from localstack_process.launch import Folders, Package, launch

if TYPE_CHECKING:
    from localstack_process.interpreters import Interpreter

LOG = logging.getLogger(__name__)
_PROVISIONED = "provisioned-concurrency"
_SPARE_S = 2.0
"""How long before LocalStack's own start-up limit an initialisation is broken off, seconds."""


class ProcessRuntimeExecutor(RuntimeExecutor):
    """One execution environment as a process of this machine."""

    def __init__(self, id: str, function_version: FunctionVersion) -> None:  # noqa: A002 -- theirs
        super().__init__(id=id, function_version=function_version)
        self._environment: Environment | None = None
        self._scratch: Path | None = None
        self._timeout_s = float(function_version.config.timeout)

    def start(self, env_vars: dict[str, str]) -> None:
        """Start the function's process and wait until it is initialised.

        A failed initialisation of an environment on demand is no error here: the first
        invocation tries again, and its answer and its log say what happened.

        Raises:
            StatusErrorException: an environment of provisioned concurrency cannot be
                initialised.
            LambdaRuntimeException: no interpreter of the machine can run the function.
        """
        interpreter, package = _prepared(self.function_version)
        self._scratch = Path(tempfile.mkdtemp(prefix=f"lambda-{self.id[:8]}-"))
        folders = Folders(host.runtime_folder(), self._scratch)
        start = launch(interpreter, package, folders, env_vars)
        version = self.function_version.id.qualifier
        self._environment = Environment(start, version, self._limits())
        fault = self._environment.start()
        if fault and env_vars.get("AWS_LAMBDA_INITIALIZATION_TYPE") == _PROVISIONED:
            raise StatusErrorException("The function cannot be initialised.", fault.document)

    def stop(self) -> None:
        """End the process, even in the middle of an invocation."""
        if self._environment:
            self._environment.stop()
        if self._scratch:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        """Run one invocation and forward the metrics in its log."""
        if self._environment is None:
            raise LambdaRuntimeException(f"Environment {self.id} was not started.")
        deadline_ms = int((time.time() + self._timeout_s) * 1000)
        request_id = payload["invoke-id"]
        outcome = self._environment.invoke(
            Invocation(
                request_id=request_id,
                arn=payload["invoked-function-arn"],
                trace_id=payload["trace-id"],
                payload=payload["payload"].encode(),
                deadline_ms=deadline_ms,
            )
        )
        identity = self.function_version.id
        origin = Origin(identity.function_name, identity.account, identity.region)
        host.forwarder().submit(origin, outcome.log)
        return InvocationResult(
            request_id, outcome.payload, is_error=outcome.is_error, logs=outcome.log
        )

    def get_logs(self) -> str:
        """The end of what the function wrote."""
        return self._environment.recent_log() if self._environment else ""

    def get_address(self) -> str:
        """Where the environment is, seen from LocalStack."""
        return "127.0.0.1"

    def get_endpoint_from_executor(self) -> str:
        """Where LocalStack is, seen from the environment."""
        return host.address()

    def get_runtime_endpoint(self) -> str:
        """The callback of LocalStack's own runtime client, which is not used here."""
        port = config.GATEWAY_LISTEN[0].port
        return f"http://{host.address()}:{port}/_localstack_lambda/{self.id}"

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        """Unpack a version and its layers.

        Raises:
            LambdaRuntimeException: no interpreter of the machine can run it; the function's
                state becomes Failed, with this as the reason.
        """
        _prepared(function_version)

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """Do nothing: a version has nothing beyond its code, which LocalStack removes."""

    @classmethod
    def validate_environment(cls) -> bool:
        """Check the settings and the machine; False, with a warning, if nothing can run."""
        if os.name != "posix":
            LOG.warning("The process executor needs a POSIX system.")
            return False
        try:
            host.settings()
            host.runtime_folder()
        except Exception as error:  # LocalStack wants to know whether, not why
            LOG.warning("The process executor cannot run functions: %s", error)
            return False
        return True

    def _limits(self) -> Limits:
        chosen = host.settings()
        longest = float(config.LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT) - _SPARE_S
        return Limits(
            timeout_s=self._timeout_s,
            init_timeout_s=min(chosen.init_timeout_s, max(1.0, longest)),
            memory_mb=int(self.function_version.config.memory_size),
            log_bytes=chosen.log_limit_bytes,
            response_bytes=int(config.LAMBDA_LIMITS_MAX_FUNCTION_PAYLOAD_SIZE_BYTES),
        )


def _prepared(function_version: FunctionVersion) -> tuple[Interpreter, Package]:
    configuration = function_version.config
    runtime = str(configuration.runtime or "")  # an image has none
    try:
        interpreter = host.interpreters().for_runtime(runtime)
    except Exception as error:
        raise LambdaRuntimeException(str(error)) from error
    layers = [layer.code for layer in configuration.layers or []]
    for code in (configuration.code, *layers):
        code.prepare_for_execution()
    task, *roots = (code.get_unzipped_code_location() for code in (configuration.code, *layers))
    return interpreter, Package(runtime, task, roots)
