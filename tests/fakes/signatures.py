"""Signatures that tests share: flowers (numbers only) and guests (every dtype, categories)."""

from __future__ import annotations

from servery.domain.signature import Dtype, Field, Output, Signature, Task

FLOWERS = Signature(
    task=Task.CLASSIFICATION,
    inputs=[
        Field(name=name, dtype=Dtype.FLOAT, unit="cm", minimum=0, maximum=10)
        for name in ("sepal_length", "sepal_width", "petal_length", "petal_width")
    ],
    output=Output(
        name="species",
        dtype=Dtype.STRING,
        classes=["setosa", "versicolor", "virginica"],
        probabilities=True,
    ),
)
GUESTS = Signature(
    task=Task.REGRESSION,
    inputs=[
        Field(name="age (years)", dtype=Dtype.INT, unit="a", minimum=0, maximum=130),
        Field(name="country", dtype=Dtype.STRING, categories=["de", "fr"], nullable=True),
        Field(name="weight", dtype=Dtype.FLOAT, unit="kg", nullable=True),
        Field(name="vip", dtype=Dtype.BOOL),
        Field(name="remark", dtype=Dtype.STRING),
        Field(name="stars", dtype=Dtype.INT, categories=[1, 2, 3]),
    ],
    output=Output(name="spend", dtype=Dtype.FLOAT, unit="EUR"),
)
GUEST = {
    "age (years)": 40,
    "country": "de",
    "weight": 71.5,
    "vip": True,
    "remark": 'says "hi" \\o/',
    "stars": 2,
}
FLOWER = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}


def boxes(dtypes: list[Dtype]) -> Signature:
    """A regression with one plain input for each dtype: `x0`, `x1`, ..."""
    return Signature(
        task=Task.REGRESSION,
        inputs=[Field(name=f"x{i}", dtype=dtype) for i, dtype in enumerate(dtypes)],
        output=Output(name="y", dtype=Dtype.FLOAT),
    )
