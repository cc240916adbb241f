"""Manifests at hand: read once, never another one, and not tried again and again."""

from __future__ import annotations

import pytest
from fakes.deployed import deploy
from fakes.object_store import MemoryObjectStore
from fakes.registry import MemoryRegistry
from fakes.signatures import FLOWERS, GUESTS
from servery.adapters.kept_manifests import AGAIN_SECONDS, KeptManifests
from servery.errors import ArtifactError, UnavailableError


@pytest.fixture
def objects():
    return MemoryObjectStore()


@pytest.fixture
def ref(objects):
    return deploy(MemoryRegistry(), objects, "iris", FLOWERS).champion.ref


def test_manifest_is_read_once(objects, ref):
    manifests = KeptManifests(objects)
    first = manifests.of(ref)
    objects.objects.clear()

    assert first == FLOWERS
    assert manifests.get(ref).signature == FLOWERS


def test_manifest_of_another_digest_is_refused(objects, ref):
    objects.put(f"{ref.prefix}/manifest.json", b"{}")

    with pytest.raises(ArtifactError):
        KeptManifests(objects).get(ref)


def test_source_is_left_alone_for_a_while_when_it_fails(objects, ref):
    now = [10.0]
    content = objects.objects.pop(f"{ref.prefix}/manifest.json")
    manifests = KeptManifests(objects, now=lambda: now[0])
    with pytest.raises(ArtifactError):
        manifests.get(ref)
    objects.put(f"{ref.prefix}/manifest.json", content)

    with pytest.raises(UnavailableError):
        manifests.get(ref)
    now[0] += AGAIN_SECONDS
    assert manifests.get(ref).signature == FLOWERS


def test_no_more_are_kept_than_so_many(objects, ref):
    other = deploy(MemoryRegistry(), objects, "guests", GUESTS).champion.ref
    manifests = KeptManifests(objects, most=1)
    manifests.get(ref)
    manifests.get(other)
    objects.objects.clear()

    assert manifests.of(other) == GUESTS
    with pytest.raises(ArtifactError):
        manifests.get(ref)
