"""What whoever runs LocalStack can set, in its environment."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "LAMBDA_PROCESS_"
_PYTHON = re.compile(rf"{PREFIX}PYTHON_(3)_(\d+)")


class SettingError(Exception):
    """A setting has a value that cannot be used; the sentence says which."""


@dataclass(frozen=True)
class Settings:
    """How the functions are run.

    Attributes:
        init_timeout_s: Seconds until an initialisation is broken off, as AWS does after ten.
        log_limit_bytes: How much one invocation may log before the rest is left out.
        pythons: Interpreters named for a runtime, such as `python3.12`.
    """

    init_timeout_s: float = 10.0
    log_limit_bytes: int = 1_048_576
    pythons: Mapping[str, Path] = field(default_factory=dict)

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        """Read LAMBDA_PROCESS_INIT_TIMEOUT, _LOG_LIMIT_KB and _PYTHON_3_x.

        Raises:
            SettingError: a figure is not a positive number, or an interpreter does not exist.
        """
        defaults = cls()
        return cls(
            init_timeout_s=_positive(environ, "INIT_TIMEOUT", defaults.init_timeout_s),
            log_limit_bytes=int(
                1024 * _positive(environ, "LOG_LIMIT_KB", defaults.log_limit_bytes / 1024)
            ),
            pythons=dict(_pythons(environ)),
        )


def _positive(environ: Mapping[str, str], name: str, default: float) -> float:
    text = environ.get(PREFIX + name, "")
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise SettingError(f"{PREFIX}{name} is {text!r}; it must be a number above 0.")
    return value


def _pythons(environ: Mapping[str, str]) -> list[tuple[str, Path]]:
    found = []
    for name, value in environ.items():
        match = _PYTHON.fullmatch(name)
        if not match or not value:
            continue
        path = Path(value).expanduser()
        if not path.is_file():
            raise SettingError(f"{name} is {value!r}; there is no such interpreter.")
        found.append((f"python{match[1]}.{match[2]}", path))
    return found
