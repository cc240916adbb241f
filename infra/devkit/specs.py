"""Model specs on the way to the cloud: found, checked, and their data files uploaded."""

from __future__ import annotations

import ast
import hashlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import yaml

from devkit.api import ApiError
from devkit.errors import DevkitError
from devkit.instances import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from devkit.api import Api

EXAMPLES = ROOT / "infra" / "examples"
OWN = ROOT / "layers" / "own"


def examples() -> list[str]:
    """Names of the specs that come with Servery."""
    return sorted(path.stem for path in EXAMPLES.glob("*.yaml"))


def find(name: str, path: Path) -> Path | None:
    """The file that a spec's name or path means; None where it can only be a registered model."""
    if path.is_file():
        return path
    if path.suffix in (".yaml", ".yml"):
        raise DevkitError(f"There is no file {path}.", "Give the path of a spec, or a name.")
    example = EXAMPLES / f"{name}.yaml"
    return example if example.is_file() else None


def load(path: Path) -> dict[str, Any]:
    """Read a spec and check it by the same rules as the training will.

    Of the user's own classes all pass that are in `layers/own`; whether the stack lets a spec name
    them, only the stack can say.

    Raises:
        DevkitError: it is no YAML, or breaks a rule; with every field that is wrong.
    """
    from servery.domain.own_classes import own_classes_instead  # noqa: PLC0415
    from servery.domain.spec_rules import read_spec  # noqa: PLC0415 - only training needs it
    from servery.errors import RejectedError  # noqa: PLC0415

    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise DevkitError(f"{path} cannot be read: {error}") from error
    try:
        with own_classes_instead(own_classes()):
            read_spec(content)
    except RejectedError as error:
        raise DevkitError(
            f"{path} is no valid spec{'' if error.violations else f': {error.message}'}.",
            "Correct the spec; infra/examples has some that work.",
            tuple(f"{v.field}: {v.message}" for v in error.violations),
        ) from error
    spec: dict[str, Any] = content
    return spec


def own_classes() -> list[str]:
    """Paths of the classes in the packages of `layers/own`, read without importing them."""
    return [
        ".".join([*path.relative_to(OWN).with_suffix("").parts, node.name])
        for package in sorted(OWN.glob("*/__init__.py"))
        for path in sorted(package.parent.rglob("*.py"))
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef)
    ]


def registered(api: Api, model: str) -> dict[str, Any]:
    """The spec of a registered model's last training; its data is in S3 already.

    Raises:
        DevkitError: there is no such file, example or model.
    """
    try:
        spec: dict[str, Any] = api.get(f"/models/{quote(model, safe='')}")["spec"]
    except ApiError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        raise DevkitError(
            f"There is no file, no example and no registered model called {model}.",
            f"Examples: {', '.join(examples())}",
        ) from error
    return spec


def upload_data(
    spec: dict[str, Any], folder: Path, bucket: str, put: Callable[[str, Path], None]
) -> dict[str, Any]:
    """The spec with its local data file replaced by where that was uploaded to.

    Args:
        spec: Checked.
        folder: Relative paths start here.
        bucket: Where to.
        put: Uploads a file under a key, unless the key is there already.

    Raises:
        DevkitError: there is no such file.
    """
    uri = str(spec["data"]["uri"])
    if uri.startswith("s3://"):
        return spec
    if "://" in uri.removeprefix("file://"):
        raise DevkitError(
            f"data.uri is {uri}; it is a file beside the spec, or s3://bucket/key.",
            "Download the data first and name the file.",
        )
    path = folder / uri.removeprefix("file://")
    if path.is_dir():
        raise DevkitError(f"{path} is a folder.", "Name one file in data.uri.")
    if not path.is_file():
        raise DevkitError(
            f"The data file {path} does not exist.", "Correct data.uri; it starts at the spec."
        )
    with path.open("rb") as data:
        digest = hashlib.file_digest(data, "sha256").hexdigest()
    key = f"raw/{spec['name']}/{digest}/{path.name}"
    put(key, path)
    return {**spec, "data": {**spec["data"], "uri": f"s3://{bucket}/{key}"}}
