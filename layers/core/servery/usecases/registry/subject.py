"""Which version and which training a request for a release is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.domain.records import RegisteredTraining
from servery.domain.release_records import ReleaseKind
from servery.domain.versioning import Stage
from servery.errors import ConflictError, InvalidInputError, NotFoundError, Violation

if TYPE_CHECKING:
    from servery.domain.records import VersionRecord
    from servery.ports import Registry
    from servery.usecases.registry.asking import ReleaseRequest


def subject(model: str, request: ReleaseRequest, registry: Registry) -> tuple[str, str]:
    """Version and training that a request is about; the version is the champion's for a roll.

    Raises:
        NotFoundError: there is no such model.
        InvalidInputError: there is no such version or training, or a roll names one.
        ConflictError: there is nothing to release or to roll.
    """
    if request.kind is ReleaseKind.ROLL:
        _refuse_choice(request)
        try:
            return registry.deployment(model).champion.ref.version, ""
        except NotFoundError as error:
            raise ConflictError(f"nothing of {model} is released, nothing to roll") from error
    if request.version is None:
        version, trainings = _newest(model, registry)
        return version, _training(request, trainings)
    try:
        record = registry.version(model, request.version)
    except NotFoundError as error:
        raise unknown("version", f"{model} has no such version") from error
    if record.stage == Stage.EXPERIMENT:
        raise unknown("version", "is an experiment; what is released was trained as a version")
    source = record.promoted_from or record.version
    trainings = registry.trainings(model, source)
    if record.stage == Stage.PRODUCTION:
        if request.training not in (None, record.training):
            raise unknown("training", f"{record.version} was made from {record.training}")
        return record.version, record.training
    return record.version, _training(request, trainings)


def _refuse_choice(request: ReleaseRequest) -> None:
    chosen = {"version": request.version, "training": request.training, "mode": request.mode}
    violations = tuple(
        Violation(name, "a roll keeps what answers now; leave this out")
        for name, value in chosen.items()
        if value is not None
    )
    if violations:
        raise InvalidInputError("a roll takes no version, training or mode", violations)


def _newest(model: str, registry: Registry) -> tuple[str, list[RegisteredTraining]]:
    """The development version that was registered last and has a training."""
    development = [v for v in registry.versions(model) if v.stage == Stage.DEVELOPMENT]
    for version in sorted(development, key=_registered, reverse=True):
        trainings = registry.trainings(model, version.version)
        if trainings:
            return version.version, trainings
    raise ConflictError(f"no training of {model} is registered yet, nothing to release")


def _registered(version: VersionRecord) -> str:
    return version.created


def _training(request: ReleaseRequest, trainings: list[RegisteredTraining]) -> str:
    names = [training.ref.training for training in trainings]
    if not names:
        raise unknown("version", "no training of it is registered")
    if request.training is None:
        return names[-1]
    if request.training not in names:
        raise unknown("training", f"registered are {', '.join(names[-20:])}")
    return request.training


def unknown(field: str, message: str) -> InvalidInputError:
    """What a request names wrongly, by its field."""
    return InvalidInputError(f"{field}: {message}", (Violation(field, message),))
