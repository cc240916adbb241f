"""What a version is made of."""

import msgspec


class Identity(msgspec.Struct, frozen=True):
    """What a version is made of, as digests: two equal identities are one version.

    Attributes:
        interface: Digest of the signature (names, types, units, ranges of inputs and outputs).
        logic: Digest of preprocessing, estimator, parameters, libraries and training code.
        data: Digest of the canonical data set.
        split: Digest of the stored split.
    """

    interface: str
    logic: str
    data: str
    split: str
