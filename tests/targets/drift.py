"""What the template uses and a target ignores without a word."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import yaml
from fakes.template import ROOT

from targets import ministack
from targets.support import Support
from targets.used import Feature

DATA = ROOT / "infra" / "docs" / "targets"
SNAPSHOT = DATA / "localstack-support.json"
REASONS = DATA / "ignored.yaml"


def supports(features: Iterable[Feature]) -> dict[str, Support]:
    """What each local target supports of the resource types among the features."""
    types = sorted({feature.name for feature in features if feature.kind == "type"})
    return {"ministack": ministack.support(types), "localstack": Support.load(SNAPSHOT)}


def ignored(features: Iterable[Feature], support: Support) -> set[Feature]:
    """The features that a target does not read; of a property, the outermost part of it."""
    found: set[Feature] = set()
    for feature in features:
        if not _known(feature, support):
            found.add(_outermost(feature, support) if feature.kind == "property" else feature)
    return found


def _known(feature: Feature, support: Support) -> bool:
    if feature.kind == "property":
        reads = support.properties.get(feature.name)
        # A type that is not known is listed once, not with each of its properties.
        return reads is None or reads.covers(feature.path)
    words: dict[str, Iterable[str]] = {
        "type": support.properties,
        "api": support.definition,
        "state": support.states,
        "task": support.integrations,
        "intrinsic": support.intrinsics,
    }
    return set(feature.words()) <= {w.lower() for w in words.get(feature.kind, support.words)}


def _outermost(feature: Feature, support: Support) -> Feature:
    for length in range(1, len(feature.path)):
        if not support.properties[feature.name].begins(feature.path[:length]):
            return Feature("property", feature.name, feature.path[:length])
    return feature


def reasons(file: Path = REASONS) -> dict[str, dict[str, str]]:
    """Target to what it is known to ignore, each with the reason why that is no harm.

    Raises:
        ValueError: something is listed twice, or without a reason.
    """
    listed: dict[str, dict[str, str]] = {}
    for target, entries in yaml.safe_load(file.read_text()).items():
        known = listed.setdefault(target, {})
        for entry in entries:
            for name in entry["what"]:
                if name in known or not str(entry.get("reason") or "").strip():
                    raise ValueError(f"{target}: {name} is listed twice or without a reason")
                known[name] = " ".join(entry["reason"].split())
    return listed
