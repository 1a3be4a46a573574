"""Check untrusted HDF5 files with h5py: declared sizes are compared with the stored bytes.

A dataset whose values were never written needs no space in the file, whatever its size; all values are then the fill
value. Parts of a file may be in other files, which are not opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from spikelet.errors import DataError
from spikelet.limits import Limits, expanded_at_most

MOST_LEVELS = 32
MOST_FILLED = 2**20  # bytes of a dataset that may be declared without being stored
Tree: TypeAlias = dict[str, Any]  # datasets by name, and groups as further trees


def members(group: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return (datasets, groups) of a group, by name; broken links and links to other files are omitted."""
    import h5py

    datasets, groups = {}, {}
    for key in group:
        if isinstance(group.get(key, getlink=True), h5py.ExternalLink):
            continue
        value = group.get(key)
        if isinstance(value, h5py.Dataset):
            datasets[key] = value
        elif isinstance(value, h5py.Group):
            groups[key] = value
    return datasets, groups


def check_stored(datasets: Iterable[Any]) -> None:
    """Compare the declared sizes of datasets with their stored bytes, before they are read.

    Args:
        datasets: Datasets of h5py.

    Raises:
        DataError: A dataset declares more than the file can contain, or its values are in another file.
        CostError: Compressed datasets need more memory than the limit permits.
    """
    expanded = 0
    for dataset in datasets:
        if dataset.shape is None:
            raise DataError(f"{dataset.name}: has no values")
        if dataset.is_virtual or dataset.external:
            raise DataError(f"{dataset.name}: its values are in other files; copy them into one file")
        stored = dataset.id.get_storage_size()
        packed = dataset.id.get_create_plist().get_nfilters() > 0
        if dataset.nbytes > MOST_FILLED + expanded_at_most(stored, packed):
            raise DataError(f"{dataset.name}: declares {dataset.nbytes:,} bytes, of which {stored:,} are stored")
        expanded += dataset.nbytes if packed else 0
    Limits().check("compressed datasets", expanded)


def tree(file: Any) -> Tree:
    """Return every dataset of a file by name, with groups as nested mappings, after checks of links and sizes.

    Args:
        file: A file of h5py.

    Raises:
        DataError: A dataset declares more than the file can contain, the file contains a soft or external link, a group
            or dataset has two names, or groups are nested too deeply.
        CostError: Compressed datasets need more memory than the limit permits.
    """
    import h5py

    addresses = {h5py.h5o.get_info(file.id).addr}
    datasets: list[Any] = []

    def contents(group: Any, level: int) -> Tree:
        if level == MOST_LEVELS:
            raise DataError(f"has groups more than {MOST_LEVELS} levels deep")
        values: Tree = {}
        for key in group:
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise DataError(f"{group.name}: {key!r} is a link to another place; expected a dataset")
            value = group[key]
            address = h5py.h5o.get_info(value.id).addr
            if address in addresses:
                raise DataError(f"{value.name}: has two names; expected one for each group and dataset")
            addresses.add(address)
            if isinstance(value, h5py.Group):
                values[key] = contents(value, level + 1)
            elif isinstance(value, h5py.Dataset):
                values[key] = value
                datasets.append(value)
        return values

    whole = contents(file, 0)
    check_stored(datasets)
    return whole
