"""Read a torch file, .safetensors or .npz without executing code.

Classes other than those of tensors are not imported: objects of other classes become `Placeholder`s, whose parameters
and buffers are read.
"""

from __future__ import annotations

import collections
import pickle
import warnings
import zipfile
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor

from spikelet.errors import ConversionError, CostError, pass_out_of_memory
from spikelet.files.reading import check_size
from spikelet.files.substitute import refuse_substitute
from spikelet_converters.weights import arrays
from spikelet_converters.weights.stated_sizes import BoundedFile, check_sizes

UNREADABLE = (
    "it is damaged, or was written by another program: expected weights of torch.save, .safetensors or .npz; a network "
    "of another framework is converted as an ONNX file"
)

SAVE = "torch.save(network.state_dict(), 'weights.pt')"


class Placeholder:
    """An object of a class that is not imported. Its state is kept; its code is not executed."""

    state: object = None

    def __init__(self, *args: object, **options: object) -> None: ...

    def __setstate__(self, state: object) -> None:
        self.state = state

    def __setitem__(self, key: object, value: object) -> None:
        """Ignore the entries of a dictionary of another class."""

    def add(self, value: object) -> None:
        """Ignore the members of a set of another class."""

    def append(self, value: object) -> None:
        """Ignore the entries of a list of another class."""

    def extend(self, values: object) -> None:
        """Ignore the entries of a list of another class."""


class _Unpickler(pickle.Unpickler):
    """Unpickler of tensors and plain containers; other classes become placeholders."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) in _CLASSES:
            return _CLASSES[module, name]
        if module == "torch" and isinstance(getattr(torch, name, None), torch.dtype):
            return getattr(torch, name)
        return type(name, (Placeholder,), {})


def _rebuilt_parameter(data: Tensor, *_: object) -> Tensor:
    return data


_CLASSES: dict[tuple[str, str], object] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
    ("torch", "Size"): torch.Size,
    ("torch", "device"): torch.device,
    ("torch._utils", "_rebuild_tensor"): torch._utils._rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): _rebuilt_parameter,
    ("torch.nn.parameter", "Parameter"): _rebuilt_parameter,
}


def program(path: Path) -> str | None:
    """Return the kind of a file that is a program, not weights: TorchScript or torch.export; None for other files."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError):
        return None
    if any(name.endswith("/constants.pkl") for name in names):
        return "TorchScript"
    return (
        "torch.export" if any(name.endswith(("exported_program.json", "models/model.json")) for name in names) else None
    )


def refuse_script(path: Path) -> None:
    """Raise ConversionError for a TorchScript program."""
    if program(path) == "TorchScript":
        raise ConversionError(
            f"{path}: is a TorchScript program; export the network with torch.onnx.export or torch.export.save, or "
            f"save its weights with {SAVE}"
        )


def load(path: Path) -> object:
    """Read a torch file, `.safetensors` or `.npz` without executing code.

    Raises:
        ConversionError: The file is a TorchScript program, is damaged, or is not a torch file.
        CostError: The file needs more memory than the limit permits.
    """
    if not path.is_file():
        raise ConversionError(f"{path}: no such file")
    refuse_substitute(path, ConversionError, "ZIP")
    check_size(path)
    if path.suffix.lower() in arrays.READERS:
        return arrays.read(path)
    kind = program(path)
    if kind == "torch.export":
        raise ConversionError(f"{path}: is a torch.export program; give it a name that ends in .pt2, without --weights")
    refuse_script(path)
    try:
        check_sizes(path)
    except CostError as error:
        raise error.locate(path) from None
    except Exception as error:  # zipfile and pickletools raise errors of many types for a damaged file
        pass_out_of_memory(error, str(path))
        raise ConversionError(
            f"{path}: not a file that torch can read safely ({first_line(error)}); {UNREADABLE}"
        ) from None
    try:
        with warnings.catch_warnings(), BoundedFile(path) as file:
            warnings.simplefilter("ignore")  # opcodes of pickles of other programs
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises errors of many types for other files
        pass_out_of_memory(error, str(path))
        reason = error
    if not zipfile.is_zipfile(path):
        raise ConversionError(f"{path}: not a file that torch can read safely ({first_line(reason)}); {UNREADABLE}")
    restricted = ModuleType("restricted_pickle")
    restricted.Unpickler = _Unpickler  # type: ignore[attr-defined]
    try:
        # classes are looked up by _Unpickler, which imports none
        with BoundedFile(path) as file:
            return torch.load(file, map_location="cpu", weights_only=False, pickle_module=restricted)
    except Exception as error:
        pass_out_of_memory(error, str(path))
        raise ConversionError(f"{path}: not a complete torch file ({first_line(error)})") from None


def first_line(error: Exception) -> str:
    """Return the first sentence of an error for a message."""
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return line.partition(". ")[0]
