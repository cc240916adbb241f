"""Web single: one process that has the page, the preprocessing and the champion of one model."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from servery.domain.deployment import Deployment, Served
from servery.domain.digest import digest_bytes
from servery.domain.manifest import Manifest, ModelRef
from servery.domain.online_budget import over_budget
from servery.domain.personal import Personal
from servery.domain.signature import Field, Output, Task
from servery.domain.spec import personal, unlogged
from servery.errors import FaultError, NotFoundError, OnlineBudgetError, RefusedError
from servery.ports import Clock, LoadedModel, Registry

FRESH_SECONDS = 2.0
ROUTE = "web_single"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which model should answer.

    Attributes:
        ref: The model.
        log_sample: Share of requests that goes to the prediction log.
        refusal: Why it takes no synchronous traffic; None where it does.
    """

    ref: ModelRef
    log_sample: float = 1.0
    refusal: OnlineBudgetError | RefusedError | None = None


@dataclass(frozen=True, slots=True)
class Serving:
    """Who answers now.

    Attributes:
        model: The model.
        log_sample: Share of requests that goes to the prediction log.
        refusal: Why it takes no synchronous traffic; None where it does.
        failure: Why the wanted model could not be loaded, where an older one stands in.
    """

    model: LoadedModel
    log_sample: float
    refusal: OnlineBudgetError | RefusedError | None = None
    failure: Exception | None = None

    def check_online(self) -> None:
        """Let a caller who waits pass.

        Raises:
            OnlineBudgetError: the model is too much for that.
            RefusedError: it is switched off.
        """
        if self.refusal is not None:
            raise self.refusal.with_traceback(None)  # it is raised again and again

    @property
    def degraded(self) -> bool:
        """Whether an older model stands in."""
        return self.failure is not None

    @property
    def unlogged(self) -> list[str]:
        """What is about persons, in whole or in part: `input`, `output`."""
        return unlogged(self.model.manifest.lineage.spec)

    @property
    def personal(self) -> Personal:
        """What the prediction log does with the fields of that."""
        manifest = self.model.manifest
        return personal(manifest.lineage.spec, [field.name for field in manifest.signature.inputs])


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What the page needs to build its form.

    Attributes:
        model: Name of the model.
        model_version: The version that answers.
        task: Classification or regression.
        owner: Who answers for the model.
        inputs: The fields of the form.
        output: What is predicted.
        api_url: Address of the gateway API, empty where it is not known.
        released: Whether there is anything to ask.
    """

    model: str
    model_version: str
    task: Task
    owner: str
    inputs: list[Field]
    output: Output
    api_url: str = ""
    released: bool = True


class Nothing(msgspec.Struct, frozen=True, kw_only=True):
    """That nothing is released, and the commands that change it."""

    model: str
    commands: list[str]
    released: bool = False


class WebSingle:
    """Keeps the wanted model loaded, and swaps it for the next one between two requests.

    What is wanted is looked up once in two seconds at the most. A model that is wanted takes over
    only when it is loaded; as long as it cannot be, the one before it answers, and says so.
    Several threads may ask at once: one looks up and loads, the others go on with what there is.

    Args:
        model: Name of the model.
        wanted: Says which model should answer; `NotFoundError` where none is released.
        load: Loads a model that is proven to be the one of the reference.
        clock: What the age of a look-up goes by.
    """

    def __init__(
        self,
        model: str,
        wanted: Callable[[], Wanted],
        load: Callable[[ModelRef], LoadedModel],
        clock: Clock,
    ) -> None:
        self.model = model
        self._wanted = wanted
        self._load = load
        self._clock = clock
        self._serving: Serving | None = None
        self._looked = float("-inf")
        self._guard = threading.Lock()

    def serving(self) -> Serving:
        """The model that answers now.

        Raises:
            NotFoundError: nothing is released.
            ServeryError: the registry or the artifact cannot be read, and nothing is loaded yet.
        """
        current = self._serving
        if current is not None and self._age() < FRESH_SECONDS:
            return current
        if not self._guard.acquire(blocking=current is None):
            assert current is not None  # noqa: S101 - else the lock was waited for
            return current
        try:
            if self._serving is None or self._age() >= FRESH_SECONDS:
                self._serving = self._refreshed(self._serving)
                self._looked = self._now()
            return self._serving
        finally:
            self._guard.release()

    def describe(self, *, api_url: str) -> Description | Nothing:
        """What the page shows: the form of the model, or how one comes to be."""
        try:
            served = self.serving().model
        except NotFoundError:
            commands = [f"servery train {self.model}", f"servery release {self.model}"]
            return Nothing(model=self.model, commands=commands)
        signature = served.manifest.signature
        return Description(
            model=served.ref.model,
            model_version=served.ref.version,
            task=signature.task,
            owner=served.manifest.owner,
            inputs=signature.inputs,
            output=signature.output,
            api_url=api_url,
        )

    def _refreshed(self, current: Serving | None) -> Serving:
        try:
            wanted = self._wanted()
        except NotFoundError:
            self._serving = None  # what was taken out of service does not go on here
            raise
        except Exception:
            if current is None:
                raise
            return current
        if current is not None and current.model.ref == wanted.ref:
            return Serving(current.model, wanted.log_sample, wanted.refusal)
        try:
            return Serving(self._load(wanted.ref), wanted.log_sample, wanted.refusal)
        except Exception as error:
            if current is None:
                raise
            return Serving(current.model, wanted.log_sample, wanted.refusal, failure=error)

    def _age(self) -> float:
        return self._now() - self._looked

    def _now(self) -> float:
        return self._clock.now().timestamp()


def champion_of(registry: Registry, model: str) -> Callable[[], Wanted]:
    """What is wanted is what the deployment record names as champion (model load)."""

    def wanted() -> Wanted:
        deployment = registry.deployment(model)
        return _wanted(deployment, deployment.champion)

    return wanted


def packaged(content: bytes, registry: Registry, model: str) -> Callable[[], Wanted]:
    """What is wanted is what the package holds (model in image), under its released name.

    A manifest knows the development version only; the deployment record of a model with the same
    digests knows the version that it was released as. Without the record the package still
    serves.

    Args:
        content: The bytes of the package's `manifest.json`.
        registry: Where the record is.
        model: The model that this function is set to.

    Raises:
        FaultError: the package has another model.
    """
    manifest = msgspec.json.decode(content, type=Manifest)
    if manifest.model != model:
        raise FaultError(f"the package holds {manifest.model}, the setting WEB_MODEL is {model}")
    own = ModelRef(
        model=model,
        version=manifest.version,
        training=manifest.training,
        prefix="",
        digest=manifest.files[manifest.runtime.filename],
        manifest_digest=digest_bytes(content),
        runtime=manifest.runtime,
    )

    def wanted() -> Wanted:
        try:
            deployment = registry.deployment(model)
        except Exception:
            return Wanted(own)
        for served in deployment.serving():
            if served.ref.manifest_digest == own.manifest_digest:
                return _wanted(deployment, served)
        return Wanted(own, deployment.log_sample)

    return wanted


def _wanted(deployment: Deployment, served: Served) -> Wanted:
    refusal: OnlineBudgetError | RefusedError | None = over_budget(deployment, served)
    routing = deployment.policies.routing
    if not routing.active:
        told, after = f"{deployment.model} is switched off at the moment", routing.off.retry_after_s
        refusal = RefusedError(told, reason="off", retry_after=after)
    return Wanted(served.ref, deployment.log_sample, refusal)
