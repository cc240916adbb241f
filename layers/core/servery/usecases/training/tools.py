"""What the export works with: what compiles, cuts, loads and measures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from servery.domain.manifest import Latency, Runtime

if TYPE_CHECKING:
    from servery.domain.signature import Signature
    from servery.ports import ModelRuntime


class Exporter(Protocol):
    """Compiles pipelines."""

    def __call__(self, content: bytes, *, digest: str, signature: Signature) -> tuple[bytes, ...]:
        """The ONNX graphs of a joblib file, one or more, in the order to be tried.

        Raises:
            RejectedError: there is no such form.
        """
        ...


class Cutter(Protocol):
    """Cuts exported graphs in two at their features."""

    def __call__(self, content: bytes, *, features: int) -> tuple[bytes, bytes]:
        """The preprocessor, which gives so many features, and the predictor, which takes them.

        Raises:
            RejectedError: there are no such halves.
        """
        ...


class RuntimeLoader(Protocol):
    """Makes runtimes, the very ones that serve."""

    def __call__(
        self, runtime: Runtime, content: bytes, *, digest: str, signature: Signature
    ) -> ModelRuntime:
        """Load a model file whose digest is checked first."""
        ...


class Stopwatch(Protocol):
    """Measures calls."""

    def __call__(self, call: Callable[[], object]) -> Latency:
        """Call again and again, and say how long a call takes."""
        ...


@dataclass(frozen=True, slots=True)
class Tools:
    """What the export works with.

    Attributes:
        export: Compiles.
        cut: Cuts what was compiled in two.
        load: Makes runtimes.
        measure: Measures calls.
        now: Seconds of a clock that only goes forward.
        libraries: Versions of what the export depends on.
    """

    export: Exporter
    cut: Cutter
    load: RuntimeLoader
    measure: Stopwatch
    now: Callable[[], float]
    libraries: dict[str, str]
