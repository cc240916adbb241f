"""What opens foreign files for an import."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from servery.domain.spec import Column


class Graph(Protocol):
    """A foreign ONNX graph, written anew as a model server takes it."""

    @property
    def content(self) -> bytes:
        """The file that was written."""
        ...

    @property
    def classifies(self) -> bool:
        """Whether it answers with a class."""
        ...

    @property
    def scored(self) -> bool:
        """Whether there is a number for each class."""
        ...

    @property
    def labels(self) -> list[Any]:
        """The classes that it names; empty where it names none."""
        ...


class GraphReader(Protocol):
    """Examines foreign ONNX files and writes them anew."""

    def __call__(self, content: bytes, inputs: list[Column]) -> Graph:
        """The graph, for these inputs; `RejectedError` where it is not to be imported."""
        ...


class ForeignPipeline(Protocol):
    """A fitted scikit-learn pipeline out of a foreign file."""

    @property
    def content(self) -> bytes:
        """The joblib file of it."""
        ...

    @property
    def classifies(self) -> bool:
        """Whether it answers with a class."""
        ...

    @property
    def classes(self) -> list[str | int | bool] | None:
        """Its classes in the order of the probabilities (classification)."""
        ...

    @property
    def probabilities(self) -> bool:
        """Whether it gives probabilities."""
        ...

    @property
    def libraries(self) -> dict[str, str]:
        """Name to version of what it depends on here."""
        ...


PipelineReader = Callable[[bytes], ForeignPipeline]
"""Opens a file; `RejectedError` where it is not to be imported."""
