"""Publishes model servers: Lambda versions of a function, each with its own environment.

Preprocessors are served by versions of a function of their own, everything else by the predictor.

Every version is published through the one unpublished configuration of the function, so whoever
publishes holds a lease. A version of a function is always named `name:version`, so that a policy
can tell versions from the function itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from servery.adapters.aws_errors import aws_errors, code_of
from servery.adapters.lambda_model_layers import LambdaModelLayers
from servery.domain.deployment import Server
from servery.domain.digest import digest_value
from servery.domain.manifest import ModelRef, Part, Runtime
from servery.domain.serving import Mode
from servery.errors import FaultError, TooLargeError, UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

PREFIX = "SERVERY_"
_SNAPSHOT = "PublishedVersions"
_BUSY = frozenset({"ResourceConflictException", "PreconditionFailedException"})
SNAPSHOT_SECONDS = 300
"""How long is waited for a snapshot; about one poll a second, as for everything else."""
_POLLS = 120
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0

Config = Any  # the answer of get_function_configuration and its siblings


class LambdaServerPublisher:
    """Model servers as published versions of two functions.

    Args:
        client: Client of Lambda.
        predictor: Name of the function that serves models, and the predictors of pairs.
        preprocessor: Name of the function that serves the preprocessors of pairs.
        core_layer: ARN of the library's layer version.
        runtime_layers: ARNs of the layer versions of each runtime.
        model_layers: The layers that models are packed in.
        pause: Waits so many seconds; polling backs off from 0.05 to 1 s, about two minutes whole,
            and five for a snapshot.
    """

    def __init__(
        self,
        client: LambdaClient,
        predictor: str,
        preprocessor: str,
        *,
        core_layer: str,
        runtime_layers: Mapping[Runtime, Sequence[str]],
        model_layers: LambdaModelLayers,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._predictor = predictor
        self._preprocessor = preprocessor
        self._core_layer = core_layer
        self._runtime_layers = runtime_layers
        self._model_layers = model_layers
        self._pause = pause

    def code(self, runtime: Runtime, part: Part | None = None) -> str:
        """Identity of the code that a server of such a model would run, published now.

        It is made of the function's own code, of the layers that this deploy brought, and of
        whether a snapshot is kept of it, so that servers are published anew when that changes. The
        layers of the unpublished function say nothing, since publishing changes them.
        """
        function = self._function(part)
        with aws_errors("reading the function of model servers"):
            config = self._client.get_function_configuration(FunctionName=function)
        return self._identity(config, runtime)

    def publish(self, ref: ModelRef, mode: Mode, release_id: str, image: str = "") -> Server:
        """Publish a server for a model; what the release published already is given back.

        Raises:
            UnavailableError: another change of the function is under way.
            TooLargeError: the model does not fit into a package.
        """
        with aws_errors("publishing a model server"):
            try:
                return self._publish(ref, mode, release_id, image)
            except ClientError as error:
                if code_of(error) in _BUSY:
                    raise UnavailableError(
                        f"another change of {self._function(ref.part)} is under way"
                    ) from error
                if "maximum allowed size" in str(error):
                    raise TooLargeError(
                        "the model does not fit into a package with its runtime; use mode load"
                    ) from error
                raise

    def settle(self, server: Server) -> None:
        """Wait until a published server takes calls.

        With SnapStart that is when Lambda has brought it up and kept a snapshot of it, minutes
        after it was published; called again, this goes on waiting.

        Raises:
            UnavailableError: it takes too long.
            FaultError: Lambda could not start it.
        """
        with aws_errors("waiting for a model server"):
            self._await(server.function, "State", {"Active", "Inactive"})

    def sweep(self, model: str, keep: Collection[Server]) -> list[str]:
        """Delete the published servers and model layers of a model, but for those in `keep`."""
        kept = {server.function for server in keep}
        with aws_errors("deleting model servers"):
            gone = [
                name
                for function in (self._predictor, self._preprocessor)
                for name, variables in self._versions(function)
                if variables.get(f"{PREFIX}MODEL") == model and name not in kept
            ]
            for name in gone:
                self._delete(name)
            return gone + self._model_layers.sweep(model, {server.layer for server in keep})

    def _function(self, part: Part | None) -> str:
        return self._preprocessor if part is Part.PREPROCESSOR else self._predictor

    def _publish(self, ref: ModelRef, mode: Mode, release_id: str, image: str) -> Server:
        function = self._function(ref.part)
        layer = self._model_layers.add(ref.model, release_id, image) if image else ""
        layers = [self._core_layer, *self._runtime_layers[ref.runtime], *([layer] if layer else [])]
        published = next(
            (n for n, v in self._versions(function) if v.get(f"{PREFIX}RELEASE") == release_id), ""
        )
        if published:
            config = self._client.get_function_configuration(FunctionName=published)
        else:
            config = self._freeze(function, _environment(ref, mode, release_id), layers)
        return Server(
            function=f"{function}:{config['Version']}",
            function_version=config["Version"],
            code=self._identity(config, ref.runtime),
            mode=mode,
            layer=layer,
        )

    def _freeze(self, function: str, environment: dict[str, str], layers: list[str]) -> Config:
        """Put environment and layers on the function and publish exactly that."""
        before = self._await(function, "LastUpdateStatus", {"Successful"})
        variables = before.get("Environment", {}).get("Variables", {})
        own = {name: value for name, value in variables.items() if not name.startswith(PREFIX)}
        self._client.update_function_configuration(
            FunctionName=function,
            Environment={"Variables": {**own, **environment}},
            Layers=layers,
            **_unchanged_since(before),
        )
        ready = self._await(function, "LastUpdateStatus", {"Successful"})
        if ready.get("Environment", {}).get("Variables", {}) != {**own, **environment}:
            raise UnavailableError(f"another change of {function} came in between")
        return self._client.publish_version(
            FunctionName=function,
            CodeSha256=before["CodeSha256"],
            **_unchanged_since(ready),
            Description=f"{environment[PREFIX + 'MODEL']} by {environment[PREFIX + 'RELEASE']}",
        )

    def _await(self, function: str, field: str, wanted: set[str]) -> Config:
        pause, polls, said = _FIRST_PAUSE, 0, ""
        while polls < (SNAPSHOT_SECONDS if said else _POLLS):
            polls += 1
            config: Config = self._client.get_function_configuration(FunctionName=function)
            # A state that is not told is a state that never was pending.
            state = config.get(field) or min(wanted)
            if state in wanted:
                return config
            if state == "Failed":
                raise FaultError(f"{function} could not be started: {config.get(f'{field}Reason')}")
            snapshot = config.get("SnapStart", {}).get("OptimizationStatus") == "On"
            said = "; its snapshot is not there yet" if snapshot else ""
            self._pause(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        raise UnavailableError(f"{function} takes too long to become ready{said}")

    def _versions(self, function: str) -> list[tuple[str, dict[str, str]]]:
        """Name and environment of every published version of a function."""
        pages = self._client.get_paginator("list_versions_by_function").paginate(
            FunctionName=function
        )
        return [
            (f"{function}:{v['Version']}", v.get("Environment", {}).get("Variables", {}))
            for page in pages
            for v in page["Versions"]
            if v["Version"] != "$LATEST"
        ]

    def _delete(self, name: str) -> None:
        try:
            self._client.delete_function(FunctionName=name)
        except ClientError as error:
            if code_of(error) != "ResourceNotFoundException":
                raise

    def _identity(self, config: Config, runtime: Runtime) -> str:
        parts = [config["CodeSha256"], self._core_layer, *self._runtime_layers[runtime]]
        if config.get("SnapStart", {}).get("ApplyOn") == _SNAPSHOT:
            parts.append(_SNAPSHOT)
        return digest_value(parts)[:16]


def _unchanged_since(config: Config) -> dict[str, Any]:
    """The condition that nobody has touched the function since; not every emulator numbers it."""
    return {"RevisionId": config["RevisionId"]} if "RevisionId" in config else {}


def _environment(ref: ModelRef, mode: Mode, release_id: str) -> dict[str, str]:
    told = {"MODE": mode, "MODEL": ref.model, "RUNTIME": ref.runtime, "RELEASE": release_id}
    if mode is Mode.IMAGE:
        told |= {"VERSION": ref.version, "TRAINING": ref.training, "DIGEST": ref.digest}
    return {f"{PREFIX}{name}": str(value) for name, value in told.items()}
