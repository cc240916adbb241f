"""What policies are checked against: who is served, and what those models take and answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from servery.domain.deployment import Deployment
    from servery.domain.manifest import Manifest, ModelRef, RuntimeFigures
    from servery.domain.signature import Field, Signature


@dataclass(frozen=True, slots=True)
class Grounds:
    """What policies are checked against.

    Attributes:
        deployment: Of the model; its own policies do not matter here.
        manifest: Reads the manifest of a model; `ArtifactError` where it cannot.
        other: Who answers for another model; None where nobody does.
        online_given_up: Whether it is meant that the champion costs more than its synchronous
            traffic may.
    """

    deployment: Deployment
    manifest: Callable[[ModelRef], Manifest]
    other: Callable[[str], Deployment | None]
    online_given_up: bool = False

    @property
    def champion(self) -> Manifest:
        """Of the champion."""
        return self.manifest(self.deployment.champion.ref)

    @property
    def signature(self) -> Signature:
        """Of the champion."""
        return self.champion.signature

    @property
    def figures(self) -> RuntimeFigures | None:
        """What the champion takes in its runtime; None where nobody has measured it."""
        return self.champion.figures.get(str(self.champion.runtime))

    @property
    def half(self) -> bool:
        """Whether the model is half of a pair."""
        return self.deployment.champion.ref.part is not None

    def input(self, name: str) -> Field | None:
        """An input of the champion; None where it has none of that name."""
        return next((field for field in self.signature.inputs if field.name == name), None)
