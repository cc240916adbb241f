"""The signature of a model: named, typed inputs and outputs with unit and allowed values."""

from enum import StrEnum

import msgspec

from servery.domain.digest import digest_value


class Dtype(StrEnum):
    """What a column holds."""

    FLOAT = "float"
    INT = "int"
    BOOL = "bool"
    STRING = "string"

    @property
    def numeric(self) -> bool:
        """Everything but text."""
        return self is not Dtype.STRING


class Task(StrEnum):
    """What kind of answer a model gives."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"
    PREPROCESSING = "preprocessing"
    """Half of a model: its answer is the features that the other half takes. No spec says it."""


class Field(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One input of a model.

    Attributes:
        name: The name that callers use.
        dtype: What it holds.
        unit: Unit of measure, `1` where there is none.
        minimum: Smallest allowed value (numbers only).
        maximum: Largest allowed value (numbers only).
        categories: The only allowed values (text or whole numbers).
        nullable: Whether null is an answer; it is imputed by the model's preprocessing.
        description: For the people who fill it in.
        example: A typical value out of the training data, for forms and documentation.
    """

    name: str
    dtype: Dtype
    unit: str = "1"
    minimum: float | None = None
    maximum: float | None = None
    categories: list[str | int] | None = None
    nullable: bool = False
    description: str = ""
    example: float | int | bool | str | None = None


def _said() -> str:
    return "1"


def _unsaid() -> None:
    return None


class Output(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What a model answers for a row.

    Features are left out where there are none: a model server that was published before there
    were pairs refuses a manifest with a field that it does not know, and the digest of a whole
    model's signature stays as it was. The other defaults are made by functions, so that they are
    always written.

    Attributes:
        name: The target's name in the training data.
        dtype: Type of the class (classification) or `float` (regression).
        unit: Unit of the predicted value, `1` where there is none.
        classes: All classes, in the order of the probabilities (classification only).
        probabilities: Whether the model gives a probability for each class.
        features: Names of the features, in the order of the matrix (preprocessing only); each
            is a float.
    """

    name: str
    dtype: Dtype
    unit: str = msgspec.field(default_factory=_said)
    classes: list[str | int | bool] | None = msgspec.field(default_factory=_unsaid)
    probabilities: bool = msgspec.field(default_factory=bool)
    features: list[str] | None = None


class Signature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Inputs in their order, and the output.

    Attributes:
        task: Classification, regression, or preprocessing for one of them.
        inputs: The features, in the order in which the model takes them.
        output: What the model answers.
    """

    task: Task
    inputs: list[Field]
    output: Output

    @property
    def numeric(self) -> list[Field]:
        """The inputs that travel in the float tensor, in order."""
        return [f for f in self.inputs if f.dtype.numeric]

    @property
    def text(self) -> list[Field]:
        """The inputs that travel in the string tensor, in order."""
        return [f for f in self.inputs if not f.dtype.numeric]

    def digest(self) -> str:
        """Digest of the interface: what a caller could notice; descriptions and examples are not.

        The range and categories count, since narrowing them refuses what was accepted before.
        """
        plain = msgspec.to_builtins(self)
        for entry in plain["inputs"]:
            entry.pop("description")
            entry.pop("example")
        return digest_value(plain)
