"""Lets a person change a text in the editor of their choice."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from devkit.errors import DevkitError, UsageError


def edited(text: str, name: str) -> tuple[str, Path]:
    """What a person makes of a text, and the file that keeps it until it is thrown away.

    Args:
        text: To begin with.
        name: What the file is about.

    Raises:
        UsageError: there is no editor.
        DevkitError: the editor failed.
    """
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not command:
        raise UsageError(
            "There is no editor: neither VISUAL nor EDITOR is set.",
            "Set one, or say --set routing.active=false, or --file FILE.",
        )
    with tempfile.NamedTemporaryFile(
        "w", prefix=f"servery-{name}-", suffix=".yaml", delete=False, encoding="utf-8"
    ) as file:
        file.write(text)
    path = Path(file.name)
    try:
        status = subprocess.run([*shlex.split(command), str(path)], check=False).returncode
    except OSError as error:
        path.unlink()
        raise DevkitError(f"The editor {command} does not start: {error}") from error
    if status:
        path.unlink()
        raise DevkitError(f"The editor ended with status {status}.", "Nothing was changed.")
    return path.read_text(encoding="utf-8"), path
