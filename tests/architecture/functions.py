"""The functions of the template, as the tests of this folder ask about them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fakes.template import ROOT, template

FOLDER_OF_LAYER = {
    "CoreLayer": "core",
    "OnnxLayer": "onnx",
    "SklearnLayer": "sklearn",
    "OwnLayer": "own",
    "BoostingLayer": "boosting",
    "ExportLayer": "export",
    "ColumnarLayer": "columnar",
    "OnnxImportLayer": "onnx_import",
    "SkopsLayer": "skops",
    "SearchLayer": "search",
}


@dataclass(frozen=True)
class Function:
    """One function of the template."""

    logical_id: str
    properties: dict[str, Any]
    metadata: dict[str, Any]

    @property
    def folder(self) -> Path:
        return ROOT / self.properties["CodeUri"]

    @property
    def room(self) -> str:
        return self.folder.name

    @property
    def verb(self) -> str:
        return str(self.properties["Handler"].split(".")[0])

    @property
    def file(self) -> Path:
        return self.folder / f"{self.verb}.py"

    @property
    def layers(self) -> list[str]:
        """Folders of the project's own layers, of all branches of a condition."""
        return list(dict.fromkeys(_named(self.properties["Layers"])))

    @property
    def front(self) -> bool:
        return self.layers == ["core"]

    def code(self, scratch: Path) -> Path:
        """The folder of its own code, as `sam build` makes it."""
        if self.metadata.get("BuildMethod") != "makefile":
            return self.folder
        target = scratch / self.logical_id
        target.mkdir(parents=True)
        subprocess.run(
            [
                shutil.which("make") or "make",
                "--silent",
                f"--makefile={self.folder / 'Makefile'}",
                f"build-{self.logical_id}",
                f"ARTIFACTS_DIR={target}",
                f"PYTHON={sys.executable}",
            ],
            cwd=ROOT,
            check=True,
        )
        return target


def _named(node: object) -> list[str]:
    if isinstance(node, dict):
        if node.get("Ref") in FOLDER_OF_LAYER:
            return [FOLDER_OF_LAYER[node["Ref"]]]
        return [name for value in node.values() for name in _named(value)]
    if isinstance(node, list):
        return [name for value in node for name in _named(value)]
    return []


def functions() -> list[Function]:
    """All functions, in the order of the template."""
    return [
        Function(logical_id, resource["Properties"], resource.get("Metadata", {}))
        for logical_id, resource in template()["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    ]


def size(folder: Path) -> int:
    """Bytes of all files below a folder, bytecode of a developer's own runs apart."""
    own = folder.is_relative_to(ROOT / "functions")
    return sum(
        path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and not (own and "__pycache__" in path.parts)
    )
