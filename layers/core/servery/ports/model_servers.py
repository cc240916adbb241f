"""Model servers: calling, publishing and removing them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection

    from servery.domain.deployment import Server
    from servery.domain.manifest import ModelRef, Part, Runtime
    from servery.domain.serving import Mode


class ModelServers(Protocol):
    """Calls model servers."""

    def call(self, server: Server, payload: bytes, *, timeout: float) -> bytes:
        """Send an event, wait for the answer.

        `DeadlineExceededError` after `timeout` seconds, `ThrottledError` when the platform
        takes no more, `ModelServerError` when the server crashed.
        """
        ...


class ServerPublisher(Protocol):
    """Publishes and removes model servers (Lambda versions of the predictor).

    Preprocessors have servers of their own: versions of another function.
    """

    def code(self, runtime: Runtime, part: Part | None = None) -> str:
        """Identity of the code that a server of such a model would run, published now."""
        ...

    def publish(self, ref: ModelRef, mode: Mode, release_id: str, image: str = "") -> Server:
        """Publish a server for a model; what the release published already is given back.

        All servers are published through one shared configuration, so the caller holds the
        lease `predictor`.

        Args:
            ref: The model; in image mode pinned whole, in load mode by name only.
            mode: How the model comes to the server.
            release_id: Makes the configuration, and so the published version, unique.
            image: Key of the zip with the model's package (image mode only).

        Raises:
            RetryableError: the platform is busy with another change.
        """
        ...

    def settle(self, server: Server) -> None:
        """Wait until a published server takes calls; `UnavailableError` where it takes too long.

        `FaultError` where the platform could not start it.
        """
        ...

    def sweep(self, model: str, keep: Collection[Server]) -> list[str]:
        """Delete the published servers and model layers of a model, but for those in `keep`.

        The caller holds the release lease of the model, so nobody is publishing for it.

        Returns:
            What was deleted, by name.
        """
        ...
