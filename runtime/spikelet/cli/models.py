"""List the shipped bundles. Every command accepts their names instead of a file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TypedDict

from spikelet import shipped
from spikelet.cli.printing import emit
from spikelet.display import shape_text
from spikelet.errors import UsageError
from spikelet.report.columns import table

HELP = "list the shipped bundles"
EXAMPLE = "spikelet models"


class ShippedModel(TypedDict):
    """One bundle in the JSON output."""

    name: str
    path: str
    bytes: int
    input: list[int]
    classes: int
    labels: list[str] | None
    exact_steps: int | None
    data: str | None


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command: none."""


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    models = [_facts(path) for path in shipped.bundles()]
    if not models:
        raise UsageError("no bundle is shipped with this installation: the package spikelet_assets is missing")
    rows = [
        [
            model["name"],
            shape_text(tuple(model["input"])),
            str(model["classes"]),
            str(model["exact_steps"] or "float32"),
            f"{model['bytes'] / 1e6:.1f} MB",
            model["data"] or "none",
        ]
        for model in models
    ]
    text = table(["name", "input", "classes", "exact time-steps", "file", "images to try"], rows)
    folder = Path(models[0]["path"]).parent
    emit(args, {"models": models}, f"{text}\n\nfiles in {folder}\nexample: spikelet run {models[0]['name']}")
    return 0


def _facts(path: Path) -> ShippedModel:
    from spikelet import bundle as bundles

    bundle = bundles.read(path)
    graph, manifest = bundle.graph, bundle.manifest
    images = shipped.images_for(graph.input.shape, manifest.labels)
    return {
        "name": path.stem,
        "path": str(path),
        "bytes": path.stat().st_size,
        "input": list(graph.input.shape),
        "classes": graph.classes,
        "labels": None if manifest.labels is None else list(manifest.labels),
        "exact_steps": manifest.exact_steps,
        "data": None if images is None else f"{len(images)} of {images.name}",
    }
