# ruff: noqa: INP001 - a script, not a package
"""Assembles what a container image with a model inside is built from.

    python infra/image/assemble.py --bucket BUCKET --prefix PREFIX --manifest-digest DIGEST
        --version 1.1.0-a.b --into build/iris
    docker build --tag iris build/iris

Packages, library and model are those of model-in-image on Lambda: the layers as
`layers/build.py` makes them, and the package of a release. So building the image downloads
nothing but its base. The digest is the one that the registry recorded, and everything in the
artifact is checked against it.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from zipfile import ZipFile

import boto3
import msgspec
from servery.adapters.s3_object_store import S3ObjectStore
from servery.domain.digest import digest_bytes
from servery.domain.manifest import Manifest, ModelRef, Runtime
from servery.errors import ArtifactError, ServeryError
from servery.usecases.release.image import pack_image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servery.ports import ObjectStore

ROOT = Path(__file__).resolve().parents[2]
LAYERS = {Runtime.ONNX: ("core", "onnx"), Runtime.JOBLIB: ("core", "sklearn", "own", "boosting")}


def find(objects: ObjectStore, prefix: str, manifest_digest: str, version: str = "") -> ModelRef:
    """The reference of a registered artifact.

    Args:
        objects: The artifacts bucket.
        prefix: Where the artifact is, without a slash at the end.
        manifest_digest: SHA-256 (hex) of its manifest, as the registry recorded it.
        version: The version that answers name; the one it was registered under by default.

    Raises:
        ArtifactError: there is no artifact, or it is not the one that was registered.
    """
    content = objects.get(f"{prefix}/manifest.json")
    if digest_bytes(content) != manifest_digest:
        raise ArtifactError(f"manifest.json in {prefix} is not the one that was registered")
    manifest = msgspec.json.decode(content, type=Manifest)
    pair = manifest.pair
    return ModelRef(
        model=manifest.model,
        version=version or manifest.version,
        training=manifest.training,
        prefix=prefix,
        digest=manifest.files[manifest.runtime.filename],
        manifest_digest=manifest_digest,
        runtime=manifest.runtime,
        part=pair.part if pair else None,
        pair=pair.id if pair else "",
    )


def settings(ref: ModelRef) -> str:
    """`server.env`: the variables of a model server that has its model inside."""
    told = {
        "POWERTOOLS_SERVICE_NAME": "predictor",
        "SERVERY_MODE": "image",
        "SERVERY_MODEL": ref.model,
        "SERVERY_VERSION": ref.version,
        "SERVERY_TRAINING": ref.training,
        "SERVERY_DIGEST": ref.digest,
        "SERVERY_RUNTIME": ref.runtime.value,
        "SERVERY_RELEASE": f"image-{ref.manifest_digest[:16]}",
    }
    return "".join(f"{name}='{value}'\n" for name, value in told.items())


def assemble(ref: ModelRef, objects: ObjectStore, context: Path) -> None:
    """Fill a folder with what `docker build` needs.

    Args:
        ref: The model.
        objects: The artifacts bucket.
        context: The folder; it is made, and must be empty.

    Raises:
        ArtifactError: the artifact is not the one that was registered.
    """
    context.mkdir(parents=True, exist_ok=True)
    for name in ("Dockerfile", "entry.sh"):
        shutil.copy(ROOT / "infra" / "image" / name, context)
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "functions" / "predictor", context / "function", ignore=skip)
    packages = context / "packages"
    (context / "lib").mkdir()
    with TemporaryDirectory() as scratch:
        for layer in LAYERS[ref.runtime]:
            built = Path(scratch) / layer
            build = [sys.executable, str(ROOT / "layers" / "build.py"), layer, str(built)]
            subprocess.run(build, check=True)  # noqa: S603
            shutil.copytree(built / "python", packages, dirs_exist_ok=True)
            if (built / "lib").exists():  # what the system's linker has to find
                shutil.copytree(built / "lib", context / "lib", dirs_exist_ok=True)
        with ZipFile(BytesIO(pack_image(ref, objects))) as model:
            model.extractall(scratch)
        shutil.copytree(Path(scratch) / "python", packages, dirs_exist_ok=True)
    (context / "server.env").write_text(settings(ref))


def main(arguments: Sequence[str]) -> int:
    """Assemble from the command line."""
    parser = argparse.ArgumentParser(description="Assembles an image with a model inside.")
    for name in ("bucket", "prefix", "manifest-digest", "into"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--version", default="", help="the version that answers name")
    given = parser.parse_args(arguments)
    objects = S3ObjectStore(boto3.client("s3"), given.bucket)
    context = Path(given.into)
    if context.exists() and any(context.iterdir()):
        sys.stderr.write(f"{context} is not empty.\n")
        return 1
    try:
        ref = find(objects, given.prefix.rstrip("/"), given.manifest_digest, given.version)
        assemble(ref, objects, context)
    except ServeryError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except subprocess.CalledProcessError:
        return 1  # the build of the layer has said why
    sys.stdout.write(f"docker build --tag {ref.model}:{ref.version} {context}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
