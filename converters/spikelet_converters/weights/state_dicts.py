"""Find the weights of a network in the content of a file, in any common wrapping.

A torch file is a state dict; a dictionary that contains one, of a training loop or of Lightning; or a pickled module.
`reader` reads it. Prefixes of wrappers (`module.`, `_orig_mod.`, `model.`) are removed if the other part of the
names fits the network.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from spikelet.errors import ConversionError
from spikelet_converters.weights.computed import computed
from spikelet_converters.weights.reader import SAVE, Placeholder, first_line, load

State = dict[str, Tensor]
DEPTH = 4  # largest depth of nested dictionaries
LISTED_NAMES = 4  # largest number of names in a message
WRAPPERS = re.compile(r"(^|\.)(module|_orig_mod)(?=\.)")


def states(content: object) -> dict[str, State]:
    """Return the state dicts in the content of a file, by their path in it; "" is the content itself."""
    return dict(_states(content, "", DEPTH))


def _states(content: object, path: str, depth: int) -> Iterator[tuple[str, State]]:
    if isinstance(content, nn.Module):
        content = content.state_dict()
    if isinstance(content, Placeholder):
        state = _of_module(content)
        if state:
            yield path, state
        return
    if not isinstance(content, Mapping) or not depth:
        return
    named = {key: value for key, value in content.items() if isinstance(key, str)}
    tensors = {key: value for key, value in named.items() if isinstance(value, Tensor)}
    if tensors and len(tensors) == len(content):
        yield path, tensors
        return
    for key, value in named.items():
        yield from _states(value, f"{path}.{key}" if path else key, depth - 1)


def _of_module(module: Placeholder, prefix: str = "") -> State:
    """Return the parameters and buffers of a pickled module, under the names of its state dict."""
    fields = module.state if isinstance(module.state, Mapping) else {}
    non_persistent = fields.get("_non_persistent_buffers_set", ())
    state = {}
    for kind in ("_parameters", "_buffers"):
        tensors = fields.get(kind)
        for name, value in tensors.items() if isinstance(tensors, Mapping) else ():
            if isinstance(value, Tensor) and not (
                isinstance(non_persistent, set | frozenset | list) and name in non_persistent
            ):
                state[f"{prefix}{name}"] = value.detach()
    children = fields.get("_modules")
    for name, child in children.items() if isinstance(children, Mapping) else ():
        if isinstance(child, Placeholder):
            state.update(_of_module(child, f"{prefix}{name}."))
    return state


def fit(path: Path, network: nn.Module, name: str, key: str | None = None) -> None:
    """Load the weights of a file into a network.

    Args:
        path: The torch file.
        network: The network.
        name: Name of the network in messages.
        key: Path of the state dict in the file, such as "model_ema", if several fit.

    Raises:
        ConversionError: The file contains no weights that fit, or several.
    """
    content = load(path)
    sets = states(content)
    if key is not None:
        if key not in sets:
            raise ConversionError(f"{path}: holds no weights named {key}; expected one of {_listed(sets)}")
        sets = {key: sets[key]}
    if not sets:
        raise ConversionError(f"{path}: holds no weights, but {described(content)}; save them with {SAVE}")
    expected = network.state_dict()
    renamed = {label: matched(state, expected) for label, state in sets.items()}
    fitting = {label: state for label, state in renamed.items() if state}
    if not fitting:
        raise ConversionError(f"{path}: not a state dict of {name}; {_difference(sets, expected)}")
    first, *others = fitting.values()
    if any(not _equal(first, other) for other in others):
        raise ConversionError(
            f"{path}: holds several sets of weights that fit {name}: {_listed(fitting)}; name one with --weights-key"
        )
    for key, value in first.items():
        if value.is_complex() or value.is_meta or value.is_quantized or value.layout != torch.strided:
            raise ConversionError(
                f"{path}: {key} is a tensor of {value.dtype} ({value.device.type}, {value.layout}); expected real "
                f"numbers; save the weights of the network in float32 with {SAVE}"
            )
        if not is_lazy(expected[key]) and value.shape != expected[key].shape:
            raise ConversionError(
                f"{path}: not a state dict of {name} ({key} has shape {tuple(value.shape)}, expected "
                f"{tuple(expected[key].shape)}); make the network with the sizes with which it was trained"
            )
    try:
        network.load_state_dict(first)
    except RuntimeError as error:
        raise ConversionError(f"{path}: not a state dict of {name} ({first_line(error)})") from None


def matched(state: State, expected: Mapping[str, Tensor]) -> State | None:
    """Return the entries of a state dict under the names of a network, or None if they do not fit.

    Names are compared as they are; then without `module` and `_orig_mod`; then without a prefix that all names of the
    network have in common. Parts of pruned or normalised weights stand for these if the network has the weights alone.
    """
    return _named(state, expected) or _named(computed(state), expected)


def _named(state: State, expected: Mapping[str, Tensor]) -> State | None:
    needed = {name for name in expected if not name.endswith("num_batches_tracked")}
    if not needed:
        return state if state.keys() == expected.keys() else None
    stripped = {WRAPPERS.sub(r"\1", name).replace("..", ".").lstrip("."): value for name, value in state.items()}
    for candidate in (state, stripped):
        if needed <= candidate.keys() <= expected.keys():
            return candidate
    for candidate in (state, stripped):
        if len(candidate) != len(state):
            continue  # two names became one
        end = min(needed)
        prefixes = [name.removesuffix(end) for name in candidate if name.endswith(f".{end}")]
        fitting = [prefix for prefix in prefixes if all(prefix + name in candidate for name in needed)]
        if len(fitting) == 1:
            prefix = fitting[0]
            return {name: candidate[prefix + name] for name in expected if prefix + name in candidate}
    return None


def described(content: object) -> str:
    """Describe the content of a torch file for a message."""
    sets = states(content)
    if sets:
        where, state = next(iter(sets.items()))
        inside = f"{where}, " if where else ""
        return f"{inside}the weights of a network ({len(state)} tensors: {_listed(state)})"
    if isinstance(content, Placeholder):
        return f"an object of class {type(content).__name__}"
    if isinstance(content, Mapping):
        kinds = sorted({type(key).__name__ for key in content if not isinstance(key, str)})
        if kinds:
            return f"a dictionary with keys of type {', '.join(kinds)}; expected names of weights, such as conv1.weight"
        return f"a dictionary of {_listed(content)}" if content else "an empty dictionary"
    return f"an object of type {type(content).__name__}"


def _difference(sets: Mapping[str, State], expected: Mapping[str, Tensor]) -> str:
    """Describe the names that differ from those of the most similar set of weights."""
    state = max(sets.values(), key=lambda names: len(names.keys() & expected.keys()))
    missing, extra = [n for n in expected if n not in state], [n for n in state if n not in expected]
    parts = [f"missing {_listed(missing)}"] if missing else []
    parts += [f"unexpected {_listed(extra)}"] if extra else []
    return "; ".join(parts)


def mismatch(state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> str:
    """Return how the names or shapes of weights differ from those of a network, "" if they do not."""
    if state.keys() != expected.keys():
        return _difference({"": dict(state)}, expected)
    shapes = {name: (tuple(state[name].shape), tuple(expected[name].shape)) for name in expected}
    other = [f"{name} is {was}, in the network {now}" for name, (was, now) in shapes.items() if was != now]
    return _listed(other, ";") if other else ""


def _equal(a: State, b: State) -> bool:
    return a.keys() == b.keys() and all(a[name].shape == b[name].shape and torch.equal(a[name], b[name]) for name in a)


def _listed(names: Collection[object], separator: str = ",") -> str:
    shown = f"{separator} ".join(str(name) for name in list(names)[:LISTED_NAMES])
    return shown if len(names) <= LISTED_NAMES else f"{shown}{separator} … ({len(names)})"
