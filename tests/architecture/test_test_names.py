"""Test files are found by their name alone, so no two of them that are no packages share one."""

from __future__ import annotations

from collections import Counter

from fakes.template import ROOT


def test_names_are_unique_when_all_tiers_are_collected_together():
    files = [
        file
        for file in (ROOT / "tests").rglob("test_*.py")
        if not (file.parent / "__init__.py").exists()
    ]

    assert not [name for name, count in Counter(f.name for f in files).items() if count > 1]
