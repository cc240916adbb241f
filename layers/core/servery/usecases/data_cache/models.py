"""What the cache knows of a model: how its requests are read and its answers are put together."""

from __future__ import annotations

import binascii
import threading
from base64 import b64decode
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from servery.domain.canonical import Canonical
from servery.domain.manifest import Part
from servery.domain.weaving import Weaver

if TYPE_CHECKING:
    from collections.abc import Iterable

    from servery.domain.cached_rows import CachedRow
    from servery.domain.canonical import Reading
    from servery.domain.manifest import ModelRef
    from servery.domain.signature import Signature
    from servery.ports.data_cache import Manifests
    from servery.ports.policies import Inquiry

MOST = 64


@dataclass(slots=True)
class CachedModel:
    """A version, as the cache deals with it.

    Attributes:
        signature: What it takes and gives.
        signature_digest: Digest of that.
        canonical: Reads its requests.
        weaver: Takes its answers apart, and puts them together.
        floats: Datatype of its numbers; empty until an answer said it.
    """

    signature: Signature
    canonical: Canonical
    weaver: Weaver
    signature_digest: str
    floats: str = field(default="")

    def learn(self, rows: Iterable[CachedRow]) -> None:
        """See the datatype of numbers in what was found: a model has one."""
        if not self.floats:
            self.floats = next((r.answered.floats for r in rows if r.answered.floats), "")

    def usable(self, reading: Reading, row: CachedRow) -> bool:
        """Whether a row can be a part of the answer to a request."""
        return self.weaver.fits(row.answered, reading.form, self.floats)


class CachedModels:
    """What is known of versions, kept; any number of threads may share it.

    Args:
        manifests: Where it comes from.
    """

    def __init__(self, manifests: Manifests) -> None:
        self._manifests = manifests
        self._models: OrderedDict[tuple[str, str], CachedModel] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, ref: ModelRef) -> CachedModel:
        """A version; `ArtifactError` or a `RetryableError` where its manifest cannot be read."""
        key = (ref.digest, ref.manifest_digest)
        with self._lock:
            model = self._models.get(key)
            if model is not None:
                self._models.move_to_end(key)
                return model
        manifest = self._manifests.get(ref)
        signature = manifest.signature
        with self._lock:  # types that the signature is compiled to are made by one thread alone
            canonical, weaver = Canonical(signature, manifest.limits), Weaver(signature)
            model = CachedModel(signature, canonical, weaver, signature.digest())
            self._models[key] = model
            if len(self._models) > MOST:
                self._models.popitem(last=False)
        return model

    def read(self, inquiry: Inquiry) -> tuple[CachedModel, Reading] | None:
        """The rows of a request; None where the model might refuse it, or it is for another."""
        ref = inquiry.served.ref
        if inquiry.pair != ref.pair and (inquiry.pair or ref.part is not Part.PREPROCESSOR):
            return None
        content = content_of(inquiry)
        if not content:
            return None
        model = self.of(ref)
        reading = model.canonical.read(content)
        return None if reading is None else (model, reading)


def content_of(inquiry: Inquiry) -> bytes:
    """The bytes of a request's body; none where it is not what it says."""
    try:
        if inquiry.base64:
            return b64decode(inquiry.body, validate=True)
        return inquiry.body.encode()
    except (binascii.Error, ValueError):
        return b""
