"""Policies of a deployment at the keyboard: read from a file, set one by one, and compared."""

from __future__ import annotations

import copy
import difflib
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import yaml

from devkit import plain_yaml
from devkit.errors import DevkitError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_STEP = re.compile(r"\.?([A-Za-z_][A-Za-z0-9_-]*)|\[([0-9]+)\]")

Plain = dict[str, Any]


def editable(policies: Mapping[str, Any]) -> Plain:
    """Policies without what nobody sets by hand: whose each part of an experiment's circle is."""
    made = copy.deepcopy(dict(policies))
    experiment = made.get("routing", {}).get("experiment")
    if experiment is not None:
        experiment.pop("segments", None)
    return made


def parse(text: str, where: str) -> Plain:
    """Policies out of YAML.

    Raises:
        DevkitError: it is no YAML, or no mapping.
    """
    try:
        content = plain_yaml.load(text)
    except yaml.YAMLError as error:
        raise DevkitError(
            f"{where} cannot be read: {error}", "Correct it and try again."
        ) from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise DevkitError(f"{where} is no mapping.", "It starts with names such as `routing:`.")
    return content


def read(path: Path) -> Plain:
    """Policies out of a file; see `parse`.

    Raises:
        DevkitError: the file cannot be read.
    """
    try:
        return parse(path.read_text(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise DevkitError(f"{path} cannot be read: {error}", "Name a file of YAML.") from error


def with_settings(policies: Mapping[str, Any], settings: list[str]) -> Plain:
    """Policies with single settings made, each as `routing.active=false`.

    What is on the way and is not there yet is made; `=null` takes a part out, and nothing behind
    the sign is the empty text.

    Raises:
        UsageError: a setting is none, or leads into something that has no parts.
    """
    made = copy.deepcopy(dict(policies))
    for setting in settings:
        path, is_one, value = setting.partition("=")
        steps = _steps(path.strip())
        if not is_one or not steps:
            raise UsageError(
                f"{setting!r} is no setting.", "Say it like --set routing.active=false"
            )
        try:
            _put(made, steps, plain_yaml.load(value) if value.strip() else "")
        except (TypeError, IndexError, KeyError, yaml.YAMLError) as error:
            raise UsageError(
                f"{path.strip()} cannot be set so.",
                "`servery deployment show MODEL` has the names.",
            ) from error
    return made


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What an edit changes, line by line as `diff -u` shows it; empty for nothing."""
    now, then = (plain_yaml.dump(dict(each)).splitlines() for each in (before, after))
    return list(difflib.unified_diff(now, then, "now", "then", lineterm="", n=2))


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What has changed, as short lines: `routing.active: true -> false`."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    told = {
        path: (_word(old.get(path)), _word(new.get(path))) for path in dict.fromkeys([*old, *new])
    }
    return [f"{path}: {one} -> {other}" for path, (one, other) in told.items() if one != other]


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = []
    at = 0
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None or match.end() == at:
            return []
        steps.append(match[1] if match[1] is not None else int(match[2]))
        at = match.end()
    return steps


def _put(within: Any, steps: list[str | int], value: Any) -> None:  # noqa: ANN401 - JSON
    for step, following in pairwise(steps):
        there = within.get(step) if isinstance(step, str) else within[step]
        if there is None:
            there = {} if isinstance(following, str) else []
            within[step] = there
        within = there
    last = steps[-1]
    if isinstance(last, int) and isinstance(within, list) and last == len(within):
        within.append(value)
    elif isinstance(last, int) is isinstance(within, list):
        within[last] = value
    else:
        raise TypeError(last)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - JSON
    if isinstance(value, dict) and value:
        for name, part in value.items():
            yield from _leaves(part, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and value:
        for place, part in enumerate(value):
            yield from _leaves(part, f"{path}[{place}]")
    else:
        yield path, value


def _word(value: Any) -> str:  # noqa: ANN401 - JSON
    if isinstance(value, bool):
        return str(value).lower()
    return "nothing" if value in (None, "", [], {}) else str(value)
