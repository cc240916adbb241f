"""The name of a version, `X.Y.Z-data.split`: parse, order, and bumps computed from what changed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import total_ordering
from typing import TYPE_CHECKING

from servery.domain.identity import Identity
from servery.errors import InvalidVersionError

if TYPE_CHECKING:
    from collections.abc import Collection

_PATTERN = re.compile(
    r"(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})"
    r"-([0-9A-Za-z]{1,32})\.([0-9A-Za-z]{1,32})"
)
_TRAINING = re.compile(r"tr(0|[1-9][0-9]{0,8})")
# Begins with a letter and has no dot, so that no experiment reads as a version.
EXPERIMENT_NAME = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$(?!\n)"
_EXPERIMENT = re.compile(EXPERIMENT_NAME)


class Stage(StrEnum):
    """Where a version is in its life.

    An experiment has a free name in place of `X.Y.Z-data.split`: it is kept with its trainings,
    takes no part in the numbering, and is never released.
    """

    EXPERIMENT = "experiment"
    DEVELOPMENT = "development"
    PRODUCTION = "production"


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """`X.Y.Z-data.split`, immutable.

    Attributes:
        release: X: 0 before release, raised by one with each release to production.
        interface: Y: raised when the signature changes; Z goes back to 0 then.
        logic: Z: raised when code, algorithm, preprocessing, library or parameters change.
        data: How and when the data was got, derived from its content (letters and digits).
        split: The stored split, derived from its content (letters and digits).
    """

    release: int
    interface: int
    logic: int
    data: str
    split: str

    def __post_init__(self) -> None:
        if _PATTERN.fullmatch(str(self)) is None:
            raise InvalidVersionError(f"{self!s} is not of the form X.Y.Z-data.split")

    def __str__(self) -> str:
        return f"{self.release}.{self.interface}.{self.logic}-{self.data}.{self.split}"

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Version):
            return NotImplemented
        return self._key() < other._key()

    def _key(self) -> tuple[int, int, int, str, str]:
        return (self.release, self.interface, self.logic, self.data, self.split)

    @property
    def stage(self) -> Stage:
        """Development while X is 0, production from 1 on."""
        return Stage.PRODUCTION if self.release else Stage.DEVELOPMENT

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read a version.

        Raises:
            InvalidVersionError: the text is not of the form X.Y.Z-data.split.
        """
        match = _PATTERN.fullmatch(text)
        if match is None:
            raise InvalidVersionError(
                "a version is X.Y.Z-data.split, for example 0.1.0-d3f9a2c1.s41d07aa"
            )
        x, y, z, data, split = match.groups()
        return cls(int(x), int(y), int(z), data, split)


def first_version(identity: Identity) -> Version:
    """The version of a model that has none yet."""
    return Version(0, 1, 0, _short("d", identity.data), _short("s", identity.split))


def next_version(latest: Version, previous: Identity, current: Identity) -> Version:
    """Compute the development version that follows `latest` from what changed.

    Args:
        latest: The highest development version of the model.
        previous: What `latest` was made of.
        current: What the new one is made of.

    Returns:
        `latest` itself where nothing changed (another training of the same version); else Y
        raised and Z back to 0 for another signature, Z raised for other logic, and data and
        split as they are now.
    """
    version = replace(
        latest,
        release=0,
        data=_short("d", current.data),
        split=_short("s", current.split),
    )
    if current.interface != previous.interface:
        return replace(version, interface=latest.interface + 1, logic=0)
    if current.logic != previous.logic:
        return replace(version, logic=latest.logic + 1)
    return version


def unused(version: Version, taken: Collection[Version]) -> Version:
    """A version, with Z raised as long as its name is taken.

    Different data have different digests, of which the name has seven digits: two may be called
    the same, and a store may hold what the registry has never heard of.
    """
    while version in taken:
        version = replace(version, logic=version.logic + 1)
    return version


def stage_of(name: str) -> Stage:
    """In which stage something of that name is.

    Raises:
        InvalidVersionError: it is neither the name of a version nor one for an experiment.
    """
    if _PATTERN.fullmatch(name):
        return Version.parse(name).stage
    check_experiment(name)
    return Stage.EXPERIMENT


def check_experiment(name: str) -> None:
    """Let a name pass that an experiment may have.

    Raises:
        InvalidVersionError: it has other characters, or would be mistaken for a training.
    """
    if _EXPERIMENT.fullmatch(name) is None or _TRAINING.fullmatch(name):
        raise InvalidVersionError(
            "an experiment has a free name of letters, digits, - and _ that begins with a letter "
            "and is none of tr0, tr1, ...; a version is X.Y.Z-data.split"
        )


def promoted(version: Version, released: list[Version]) -> Version:
    """The production version for a development version: X is one above all that were released.

    Raises:
        InvalidVersionError: `version` is in production already.
    """
    if version.stage is Stage.PRODUCTION:
        raise InvalidVersionError(f"{version} is a production version already")
    return replace(version, release=max((v.release for v in released), default=0) + 1)


def training_name(number: int) -> str:
    """`tr0`, `tr1`, ...: the trainings of one version, whose variance is not a version."""
    if number < 0:
        raise InvalidVersionError("trainings are counted from tr0")
    return f"tr{number}"


def training_number(name: str) -> int:
    """The number in a training's name.

    Raises:
        InvalidVersionError: the text is not tr0, tr1, ...
    """
    match = _TRAINING.fullmatch(name)
    if match is None:
        raise InvalidVersionError("a training is called tr0, tr1, ...")
    return int(match.group(1))


def _short(prefix: str, digest: str) -> str:
    """Seven hexadecimal digits of a digest behind a letter, so that it never reads as a number."""
    return prefix + digest.removeprefix("sha256:")[:7]
