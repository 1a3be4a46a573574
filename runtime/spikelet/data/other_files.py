"""Messages for files that are not read as data."""

from __future__ import annotations

from pathlib import Path

from spikelet.data.names import natural_key, visible

MOST_NAMES = 3  # in a message

_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
_RECORDINGS = (".aedat", ".aedat4", ".raw", ".dat")
_LIBRARIES = {
    ".csv": "pandas", ".tsv": "pandas", ".parquet": "pandas", ".pkl": "pickle", ".pickle": "pickle", ".mat": "SciPy",
    ".pt": "torch", ".pth": "torch", ".h5": "h5py", ".hdf5": "h5py", ".tfrecord": "TensorFlow", ".arrow": "datasets",
}  # fmt: skip


def remedy_for(path: Path, name: str = "it") -> str:
    """Return how a file of a known other type becomes one that is read, after "; ", or "".

    Args:
        path: The file.
        name: The file in the message.
    """
    if not path.is_file():
        return ""
    if path.suffix.lower() in _ARCHIVES:
        return f"; unpack {name} first"
    if path.suffix.lower() in _RECORDINGS:
        return "; `spikelet events` runs the recordings of event cameras"
    library = _LIBRARIES.get(path.suffix.lower())
    if library is None:
        return ""
    return f"; load {name} with {library} and save it with numpy.savez('data.npz', images=images, labels=labels)"


def files_present(folder: Path) -> str:
    """Return the names of the files in a folder without images and what to do with them, after "; ", or "".

    Args:
        folder: The folder, whose subfolders are not searched.
    """
    files = sorted(
        (path for path in folder.iterdir() if visible(path) and path.is_file()), key=lambda path: natural_key(path.name)
    )
    if not files:
        return ""
    names = ", ".join(path.name for path in files[:MOST_NAMES])
    more = f" and {len(files) - MOST_NAMES} more" if len(files) > MOST_NAMES else ""
    advice = next((text for path in files if (text := remedy_for(path, path.name))), "")
    return f"; found {names}{more}{advice}"
