"""Training images in parcels. The test split is never packed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from spikelet.data import ImageSet, arrays
from spikelet.errors import DataError
from spikelet_converters.study.remote import parcels
from spikelet_converters.study.remote.pixel_coding import decode, encode

PIXELS, FACTS = "pixels", "facts.json"


def pack_images(data: ImageSet, name: str, out: Path) -> list[Path]:
    """Write the images as a parcel and return its parts.

    Args:
        data: Training images, (N, C, H, W), with labels.
        name: Name of the images on the other machine.
        out: Folder for the parts.

    Raises:
        DataError: The images have no labels or channels, or are too large for a parcel.
    """
    if data.labels is None or data.images.ndim != 4:
        raise DataError(f"{data.name}: expected images (N, C, H, W) with labels")
    facts = {
        "name": data.name,
        "labels": data.labels.tolist(),
        "classes": None if data.classes is None else list(data.classes),
        "digest": data.digest,
    }
    group = {f"{name}/{PIXELS}": encode(data.images), f"{name}/{FACTS}": json.dumps(facts).encode()}
    if not parcels.pack({name: group}, out, name, parcels.IMAGES):
        raise DataError(f"{data.name}: does not fit into {parcels.IMAGES.parts} parts of {parcels.IMAGES.size} bytes")
    return parcels.find(out)[name]


def unpack_images(folder: Path, target: Path) -> list[str]:
    """Write the images of all complete parcels in a folder to `target` as NAME.npz, unless they are there already.

    Returns:
        Messages: what was written, and which parcels are incomplete.

    Raises:
        DataError: A parcel is damaged.
    """
    messages = []
    target.mkdir(parents=True, exist_ok=True)
    for name, parts in parcels.find(folder, complete=False).items():
        path = target / f"{name}.npz"
        missing = [part.name for part in parts if not part.is_file()]
        if path.exists():
            continue
        if missing:
            messages.append(f"{name}: waits for {', '.join(missing)}")
            continue
        files = parcels.read(parts)
        facts = json.loads(files[f"{name}/{FACTS}"])
        classes = None if facts["classes"] is None else tuple(facts["classes"])
        data = ImageSet(decode(files[f"{name}/{PIXELS}"]), np.array(facts["labels"], np.int64), classes, facts["name"])
        if data.digest != facts["digest"]:
            raise DataError(f"{name}: the images differ from those that were packed; pack them again")
        arrays.write(path, data, compressed=False)
        messages.append(f"{name}: {len(data):,} training images")
    return messages
