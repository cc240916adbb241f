"""Instances: named folders under `.servery/`, each with one cloud and one stack."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
AWS = "aws"  # Name of the cloud, and of the instance that `servery deploy` makes.
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")


@dataclass(frozen=True)
class Instance:
    """One local cloud with its stack, or what is known of a stack that is elsewhere.

    Attributes:
        name: Lower-case letters, digits and hyphens.
        home: Folder that holds all instances.
    """

    name: str
    home: Path

    @property
    def folder(self) -> Path:
        """Everything that the instance writes."""
        return self.home / self.name

    @property
    def choice_record(self) -> Path:
        """On which cloud it is."""
        return self.folder / "instance.json"

    @property
    def cloud_record(self) -> Path:
        """Which process is the cloud, and its port."""
        return self.folder / "cloud.json"

    @property
    def stack_record(self) -> Path:
        """What is deployed."""
        return self.folder / "outputs.json"

    @property
    def cloud_log(self) -> Path:
        """What the cloud says."""
        return self.folder / "cloud.log"

    @property
    def sam_log(self) -> Path:
        """What `sam build` and `sam deploy` say."""
        return self.folder / "sam.log"

    @contextlib.contextmanager
    def locked(self, waiting: Callable[[], None] = lambda: None) -> Iterator[int]:
        """Hold the instance alone; the operating system lets go when the holder dies.

        Args:
            waiting: Called once when somebody else holds it.

        Yields:
            A file descriptor: a child that inherits it holds the instance until it ends too.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / f"{self.name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(lock, fcntl.LOCK_EX)
            self.folder.mkdir(exist_ok=True)
            yield lock.fileno()

    def forget(self) -> None:
        """Remove everything that the instance wrote; the log of its cloud stays as `stopped.log`.

        The one of the instance that was forgotten last, so that a failure can be looked into.
        """
        with contextlib.suppress(FileNotFoundError):
            self.cloud_log.replace(self.home / "stopped.log")
        shutil.rmtree(self.folder, ignore_errors=True)


def find(name: str, root: Path = ROOT) -> Instance:
    """The instance of that name, whether or not there is anything in it.

    Raises:
        UsageError: no instance can be called that.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of an instance.",
            "Use lower-case letters, digits and hyphens.",
        )
    return Instance(name, root / ".servery")


def read_record(path: Path) -> dict[str, Any] | None:
    """A JSON record; None where there is none or it was cut off."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def write_record(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON record whole or not at all, readable for its owner only."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(content, indent=2) + "\n")
    draft.replace(path)
