"""How many columns a node of the machine-learning part reads, which its kernel does not ask.

onnxruntime's kernels for trees, linear models and support vectors take the lengths of their lists
on trust. Here they are compared, and the width that follows from them is what the node is given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from servery.adapters.onnx_import.attributes import Attributes
from servery.adapters.onnx_import.trees import tree_width
from servery.errors import UnsupportedMediaError

if TYPE_CHECKING:
    import onnx

_BINARY = 2
_WIDEST = 100_000
_HARMLESS = frozenset(
    {
        "ArrayFeatureExtractor",
        "Binarizer",
        "CategoryMapper",
        "FeatureVectorizer",
        "Imputer",
        "LabelEncoder",
        "Normalizer",
        "OneHotEncoder",
        "Scaler",
        "ZipMap",
    }
)


def width_of(node: onnx.NodeProto) -> int | None:
    """The columns that a node of `ai.onnx.ml` reads; None where it looks for itself.

    Raises:
        UnsupportedMediaError: the node does not hold together, or is not imported.
    """
    if node.op_type in _HARMLESS:
        return None
    read = _READS.get(node.op_type)
    if read is None:
        known = ", ".join(sorted({*_HARMLESS, *_READS}))
        raise UnsupportedMediaError(
            f"the ONNX model uses {node.op_type[:100]!r} of ai.onnx.ml; imported are {known}"
        )
    said = Attributes(node)
    try:
        width = read(node)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise said.broken("a list has something else in it") from error
    said.check(width <= _WIDEST, f"it reads more than {_WIDEST} columns")
    return width


def _linear_classifier(node: onnx.NodeProto) -> int:
    said = Attributes(node)
    labels, intercepts = said.labels(), said.many("intercepts")
    coefficients = said.many("coefficients")
    one_sided = len(intercepts) == 1 and len(labels) == _BINARY
    said.check(bool(intercepts), "it has no intercepts")
    said.check(one_sided or len(labels) == len(intercepts), "classes and intercepts differ")
    return _share(said, coefficients, len(intercepts))


def _linear_regressor(node: onnx.NodeProto) -> int:
    said = Attributes(node)
    targets, intercepts = said.one("targets", 1), said.many("intercepts")
    said.check(targets > 0 and len(intercepts) in (0, targets), "targets and intercepts differ")
    return _share(said, said.many("coefficients"), targets)


def _support_classifier(node: onnx.NodeProto) -> int:
    said = Attributes(node)
    each, labels = said.many("vectors_per_class"), said.labels()
    vectors, classes = sum(each), len(each)
    said.check(
        vectors > 0 and min(each) >= 0 and classes == len(labels) >= _BINARY,
        "it has no support vectors, or not as many classes as counts of them",
    )
    coefficients = said.many("coefficients")
    said.check(len(coefficients) == (classes - 1) * vectors, "its coefficients are too few")
    pairs = classes * (classes - 1) // 2
    said.check(len(said.many("rho")) == pairs, "its constants are too few")
    for name in ("prob_a", "prob_b"):
        said.check(len(said.many(name)) in (0, pairs), "its probabilities are too few")
    said.check(len(said.many("prob_a")) == len(said.many("prob_b")), "half its probabilities")
    said.check(len(said.many("kernel_params")) in (0, 3), "its kernel has no three parameters")
    return _share(said, said.many("support_vectors"), vectors)


def _support_regressor(node: onnx.NodeProto) -> int:
    said = Attributes(node)
    vectors = said.one("n_supports", 0)
    coefficients = said.many("coefficients")
    said.check(vectors > 0 and len(coefficients) == vectors, "it has no support vectors")
    said.check(len(said.many("rho")) == 1, "it has no constant")
    said.check(len(said.many("kernel_params")) in (0, 3), "its kernel has no three parameters")
    return _share(said, said.many("support_vectors"), vectors)


def _share(said: Attributes, numbers: list[float], parts: int) -> int:
    said.check(
        bool(numbers) and len(numbers) % parts == 0, "its numbers are not as many for each of them"
    )
    return len(numbers) // parts


_READS: dict[str, Callable[[onnx.NodeProto], int]] = {
    "LinearClassifier": _linear_classifier,
    "LinearRegressor": _linear_regressor,
    "SVMClassifier": _support_classifier,
    "SVMRegressor": _support_regressor,
    "TreeEnsembleClassifier": tree_width,
    "TreeEnsembleRegressor": tree_width,
}
