"""Digests decide whether bytes are read at all."""

from __future__ import annotations

import pytest
from servery.domain.digest import check_digest, digest_bytes
from servery.errors import ArtifactError


def test_bytes_pass_when_their_digest_was_recorded():
    check_digest(b"model", digest_bytes(b"model"), "the model file")


@pytest.mark.parametrize("digest", ["", "0" * 64, digest_bytes(b"model").upper()])
def test_bytes_are_refused_when_another_digest_was_recorded(digest):
    with pytest.raises(ArtifactError, match=r"^the model file does not have the digest"):
        check_digest(b"model", digest, "the model file")
