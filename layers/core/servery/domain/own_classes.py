"""Classes of the user's own that a spec may name: those that the template names, and no others.

Which they are is a matter of the deploy, never of a spec, an artifact or a request. So nobody hands
them on: whoever knows the deploy says once how to ask for them, and the allow-list asks.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from servery.errors import FaultError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_instead: ContextVar[frozenset[str] | None] = ContextVar("own classes", default=None)
_PATH = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+", re.ASCII)


class _Source:
    """Whom to ask for the names; nobody has said so yet: there are none."""

    named: Callable[[], str] = staticmethod(lambda: "")


def own_classes_are(named: Callable[[], str]) -> None:
    """Say how to ask for the classes of this deploy.

    Args:
        named: Gives their paths, `package.module.Class`, separated by commas.
    """
    _Source.named = staticmethod(named)


@contextmanager
def own_classes_instead(paths: Iterable[str]) -> Iterator[None]:
    """Take these for the classes of the deploy meanwhile: for tools that check what they send."""
    token = _instead.set(frozenset(paths))
    try:
        yield
    finally:
        _instead.reset(token)


def own_classes() -> frozenset[str]:
    """The paths of the user's own classes.

    Raises:
        FaultError: the template names something that is no path of a class.
    """
    instead = _instead.get()
    if instead is not None:
        return instead
    paths = frozenset(part.strip() for part in _Source.named().split(",") if part.strip())
    wrong = sorted(path for path in paths if not _PATH.fullmatch(path))
    if wrong:
        raise FaultError(f"OwnClasses names {wrong[0]!r}, which is no path of a class")
    return paths


def own_packages() -> frozenset[str]:
    """The packages that those classes are in."""
    return frozenset(path.partition(".")[0] for path in own_classes())
