"""A1: one model server serves one model. What a deployment record may name as its servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.domain.deployment import servers_of
from servery.domain.serving import Mode
from servery.errors import AllInOneError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from servery.domain.deployment import Deployment


def check_one_model(deployment: Deployment, others: Iterable[Deployment]) -> None:
    """Let pass only a record in which every server is for this model alone.

    A server that loads models may answer for several versions of its model; one with the model
    in its image answers for that one only.

    Args:
        deployment: The record that is to be written.
        others: All records; an older one of the same model says nothing.

    Raises:
        AllInOneError: a version of another model is named, a server is in the record of another
            model too, or one with its model in its image would have to answer for two.
    """
    _check_versions(deployment)
    _check_images(deployment)
    own = {server.function for server in servers_of(deployment)}
    for other in others:
        if other.model == deployment.model:
            continue
        for server in servers_of(other):
            if server.function in own:
                raise AllInOneError(
                    f"{server.function} would serve 2 models, {other.model} and "
                    f"{deployment.model}; one model server serves one model: `servery release "
                    f"{deployment.model}` publishes a server of its own"
                )


def _check_versions(deployment: Deployment) -> None:
    for served in deployment.serving():
        if served.ref.model != deployment.model:
            raise AllInOneError(
                f"{served.ref.version} is a version of {served.ref.model}, not of "
                f"{deployment.model}; one model server serves one model: release it as "
                f"{served.ref.model}, and join the two in a graph"
            )


def _check_images(deployment: Deployment) -> None:
    holds: dict[str, str] = {}
    for served in deployment.serving():
        server = served.server
        first = holds.setdefault(server.function, served.ref.version)
        if server.mode is Mode.IMAGE and first != served.ref.version:
            raise AllInOneError(
                f"{server.function} has {first} in its image and would have to serve "
                f"{served.ref.version} too; release it with mode image, for a server of its own"
            )
