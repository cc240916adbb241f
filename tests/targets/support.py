"""What a target supports, in the form that is compared with what the template uses."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from targets.paths import Keys, Reads


@dataclass
class Support:
    """What a target reads of a template, told from its own code.

    Attributes:
        version: Of the target's package.
        properties: Resource type to what its provisioner reads of its properties.
        words: Words that the template engine knows: functions, attributes of resources.
        definition: Keys that the import of an API definition reads.
        states: Keys that the interpreter of state machines reads.
        integrations: `service:action` that a state may call.
        intrinsics: `States.Format` and its like.
    """

    version: str
    properties: dict[str, Reads] = field(default_factory=dict)
    words: set[str] = field(default_factory=set)
    definition: set[str] = field(default_factory=set)
    states: set[str] = field(default_factory=set)
    integrations: set[str] = field(default_factory=set)
    intrinsics: set[str] = field(default_factory=set)

    def dump(self) -> str:
        """As JSON whose lines change no more than what they say."""
        found: dict[str, Any] = {
            name: sorted(value) if isinstance(value, set) else value
            for name, value in asdict(self).items()
        }
        found["properties"] = {
            resource: {
                "read": sorted(".".join(p) for p in reads.read),
                # All of them, if the resource is handed on as it is.
                "whole": sorted(".".join(p) for p in reads.whole),
            }
            for resource, reads in sorted(self.properties.items())
        }
        return json.dumps(found, indent=1) + "\n"

    @classmethod
    def load(cls, file: Path) -> Support:
        """What `dump` wrote."""
        found = json.loads(file.read_text())
        properties = {
            resource: Reads(*(_keys(reads[kind]) for kind in ("read", "whole")))
            for resource, reads in found.pop("properties").items()
        }
        version = found.pop("version")
        return cls(version, properties, **{name: set(value) for name, value in found.items()})


def _keys(dotted: Iterable[str]) -> set[Keys]:
    return {tuple(path.split(".")) if path else () for path in dotted}


def plain(reads: Reads) -> Reads:
    """Without what cannot be the name of a property, and without what is known already."""

    def names(paths: Iterable[Keys]) -> set[Keys]:
        return {p for p in paths if all(key.isidentifier() for key in p)}

    whole = {p for p in names(reads.whole) if not any(p[:n] in reads.whole for n in range(len(p)))}
    covered = Reads(set(), whole)
    return Reads({p for p in names(reads.read) if not covered.covers(p)}, whole)


def keys_of(reads: Reads) -> set[str]:
    """Every key of every path, wherever it stands."""
    return {key for path in reads.read | reads.whole for key in path}


def words_in(files: Iterable[Path]) -> set[str]:
    """The strings without white space in Python source, docstrings left out."""
    return {
        node.value
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.strip()
        and not any(c.isspace() for c in node.value)
    }
