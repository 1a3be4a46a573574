"""Write recorded spikes as CSV, NumPy or NIRData."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from spikelet.errors import UsageError
from spikelet.files.atomic import replacing
from spikelet_converters.exports.nir import load_nir

Spikes = Mapping[str, npt.NDArray[np.bool_]]  # by layer, (T, N, *shape)
SUFFIXES = (".csv", ".npz", ".nir")


def write(path: Path, spikes: Spikes, dt: float) -> None:
    """Write the spikes of layers.

    .csv    one line per spike: image, step (from 1), layer, neuron (index in the flattened layer, channel first)
    .npz    by layer, bool (T, N, *shape)
    .nir    NIRData: by layer, the observable `spikes` as TimeGriddedData (N, T, neurons) of `dt` seconds per time-step

    Raises:
        UsageError: The suffix is not supported.
        MissingDependency: The package `nir` is not installed, for `.nir`.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{path}: expected a name that ends in {', '.join(SUFFIXES)}")
    with replacing(path) as file:
        {".csv": _csv, ".npz": _npz, ".nir": _nir}[suffix](file, spikes, dt)


def _nir(file: IO[bytes], spikes: Spikes, dt: float) -> None:
    nir = load_nir()
    nodes = {
        name: nir.NIRNodeData({"spikes": nir.TimeGriddedData(_by_sample(value), dt)}) for name, value in spikes.items()
    }
    nir.write_data(file, nir.NIRGraphData(nodes))


def _by_sample(value: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Reshape (T, N, *shape) to (N, T, neurons)."""
    return np.ascontiguousarray(value.reshape(*value.shape[:2], -1).swapaxes(0, 1))


def _npz(file: IO[bytes], spikes: Spikes, dt: float) -> None:
    """Write a member NAME.npy for each layer; `numpy.savez` does not support the name `file`."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in spikes.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, value, allow_pickle=False)


def _csv(file: IO[bytes], spikes: Spikes, dt: float) -> None:
    """Write by image and time-step, since the text of all spikes is 25 times as large as the spikes."""
    file.write(b"image,step,layer,neuron\n")
    for name, value in spikes.items():
        for sample in range(value.shape[1]):
            for step, fired in enumerate(value[:, sample], 1):
                neurons = np.flatnonzero(fired).tolist()
                file.write("".join(f"{sample},{step},{name},{neuron}\n" for neuron in neurons).encode())
