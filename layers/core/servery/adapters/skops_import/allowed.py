"""The types that a skops file may have, by what builds them; held here and never in the file."""

from __future__ import annotations

import importlib
from functools import cache

from servery.domain.estimators import ESTIMATORS, TRANSFORMERS

# What pipelines and estimators of the allow-list are made of besides themselves.
_STRUCTURE = frozenset(
    {
        "sklearn.compose._column_transformer.ColumnTransformer",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.pipeline.Pipeline",
        # A fitted ColumnTransformer has it for columns that it passes through; without functions.
        "sklearn.preprocessing._function_transformer.FunctionTransformer",
        "sklearn.preprocessing._label.LabelBinarizer",
        "sklearn.preprocessing._label.LabelEncoder",
        "sklearn.tree._classes.ExtraTreeClassifier",
        "sklearn.tree._classes.ExtraTreeRegressor",
        *(
            f"sklearn._loss.link.{name}"
            for name in (
                "HalfLogitLink",
                "IdentityLink",
                "Interval",
                "LogLink",
                "LogitLink",
                "MultinomialLogit",
            )
        ),
        *(
            f"sklearn._loss.loss.{name}"
            for name in (
                "AbsoluteError",
                "ExponentialLoss",
                "HalfBinomialLoss",
                "HalfGammaLoss",
                "HalfMultinomialLoss",
                "HalfPoissonLoss",
                "HalfSquaredError",
                "HuberLoss",
                "PinballLoss",
            )
        ),
    }
)
_LOSSES = frozenset(
    {
        *(
            f"sklearn._loss._loss.Cy{name}"
            for name in (
                "AbsoluteError",
                "ExponentialLoss",
                "HalfBinomialLoss",
                "HalfGammaLoss",
                "HalfMultinomialLoss",
                "HalfPoissonLoss",
                "HalfSquaredError",
                "HuberLoss",
                "PinballLoss",
            )
        ),
        *(
            f"sklearn.linear_model._sgd_fast.{name}"
            for name in (
                "EpsilonInsensitive",
                "Hinge",
                "ModifiedHuber",
                "SquaredEpsilonInsensitive",
                "SquaredHinge",
            )
        ),
    }
)
_SCALARS = frozenset(
    f"numpy.{name}"
    for name in (
        "bool",
        "bool_",
        "float32",
        "float64",
        "int32",
        "int64",
        "str_",
        "uint8",
        "uint32",
        "uint64",
    )
)
TREE = "sklearn.tree._tree.Tree"
FUNCTIONS = "sklearn.preprocessing._function_transformer.FunctionTransformer"


@cache
def allowed() -> dict[str, frozenset[str]]:
    """What builds a node of the file to the types that it may build.

    What is not named builds nothing: no functions, no methods, no partials, no constructors.
    """
    return {
        "DictNode": frozenset({"builtins.dict"}),
        "ListNode": frozenset({"builtins.list"}),
        "TupleNode": frozenset({"builtins.tuple"}),
        "SetNode": frozenset({"builtins.set"}),
        "SliceNode": frozenset({"builtins.slice"}),
        "JsonNode": frozenset({"builtins.str"}),
        "TypeNode": _SCALARS | {f"builtins.{name}" for name in ("bool", "float", "int", "str")},
        "NdArrayNode": _SCALARS | {"numpy.ndarray"},
        "DTypeNode": frozenset({"numpy.dtype"}),
        "RandomStateNode": frozenset({"numpy.random.mtrand.RandomState"}),
        "RandomGeneratorNode": frozenset({"numpy.random._generator.Generator"}),
        "LossNode": _LOSSES,
        "TreeNode": frozenset({TREE}),
        "ObjectNode": _STRUCTURE | {_real_name(path) for path in _paths()},
    }


def trusted() -> list[str]:
    """The same for skops, which has an allow-list of its own besides."""
    return sorted(set().union(*allowed().values()))


def _paths() -> set[str]:
    """scikit-learn's own of the allow-list: what others keep in a file goes to parsers in C."""
    listed = set().union(*ESTIMATORS.values(), TRANSFORMERS)
    return {path for path in listed if path.startswith("sklearn.")}


def _real_name(class_path: str) -> str:
    """The name under which a file has a class: that of the module that defines it."""
    module, _, name = class_path.rpartition(".")
    found = getattr(importlib.import_module(module), name)
    return f"{found.__module__}.{found.__qualname__}"
