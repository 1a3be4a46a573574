"""Section "manifest.json": all keys and values except the graph."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping

from second_reader.network import Network
from second_reader.refused import Refused, require

Object = dict[str, object]
Check = Callable[[object], bool]
LARGEST = 2**53


def whole(least: int, most: int) -> Check:
    """Return a check of whole numbers in least…most."""
    return lambda value: type(value) is int and least <= value <= most


def texts(least: int, most: int) -> Check:
    """Return a check of lists of texts with least…most characters each."""
    return lambda value: isinstance(value, list) and all(isinstance(t, str) and least <= len(t) <= most for t in value)


def number(value: object) -> bool:
    """Return whether a value is a number of at most 2^64 in magnitude."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 2**64


def share(value: object) -> bool:
    """Return whether a value is a number in 0…1."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def shares(value: object) -> bool:
    """Return whether a value is a list of 1 or more numbers in 0…1."""
    return isinstance(value, list) and len(value) > 0 and all(map(share, value))


def text(value: object) -> bool:
    """Return whether a value is a text."""
    return isinstance(value, str)


def or_null(check: Check) -> Check:
    """Return a check that also accepts null."""
    return lambda value: value is None or check(value)


def span(value: object) -> bool:
    """Return whether a value is a list of two numbers, the second larger by 2^-64 or more, both rounded to float64."""
    if not isinstance(value, list) or len(value) != 2 or not all(map(number, value)):
        return False
    return float(value[1]) - float(value[0]) >= 2**-64


def within(least: float, most: float) -> Check:
    """Return a check of numbers in least…most after rounding to float64."""
    return lambda value: number(value) and least <= float(value) <= most  # type: ignore[arg-type]


def features(value: object) -> bool:
    """Return whether a value is an object with a text `kind` and, if that is log-mel, exactly the settings of log-mel."""
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        return False
    if value["kind"] != "log-mel":
        return True
    if set(value) != {"kind", *LOG_MEL} or not all(check(value[key]) for key, check in LOG_MEL.items()):
        return False
    return float(value["high"]) - float(value["low"]) >= 1


def objects(value: object) -> bool:
    """Return whether a value is a list of objects."""
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


RESULT: dict[str, Check] = {
    **dict.fromkeys(("data", "digest", "engine", "command"), text),
    **dict.fromkeys(("images", "steps"), whole(0, LARGEST)),
    **dict.fromkeys(("accuracy", "accuracy_before_quantisation"), shares),
    **dict.fromkeys(("float_accuracy", "agreement_with_float"), share),
}
LOG_MEL: dict[str, Check] = {
    "bands": whole(1, 512), "frames": whole(1, 4096), "window": within(0.001, 10), "hop": within(0.001, 10),
    "low": within(0, 10**6), "high": within(1, 10**6), "floor": within(-200, -1),
}  # fmt: skip
PROVENANCE: dict[str, Check] = {"input_range": span, "input_features": features, "levels": or_null(whole(1, 4096))}
CONVERSION: dict[str, Check] = {
    "bits": or_null(whole(0, LARGEST)), "steps": whole(1, 2**16), "advice": texts(0, 10_000), "notes": texts(0, 10_000), "layers": objects,
}  # fmt: skip
LAYER: dict[str, Check] = {
    "layer": text,
    **dict.fromkeys(("neurons", "exact_steps"), whole(0, LARGEST)),
    **dict.fromkeys(("weight_error", "activation", "agreement_through", "clipped"), or_null(number)),
    "by_step": lambda value: objects(value) and value != [],
}
BY_STEP: dict[str, Check] = {
    "steps": whole(0, LARGEST),
    **dict.fromkeys(("spike_rate", "over_firing", "under_firing", "correlation", "rms_residual"), or_null(number)),
}


def check_versions(manifest: Object) -> None:
    """Refuse a file of another major version or of an unknown ir_version."""
    version = _text(manifest, "format_version")
    require(re.fullmatch(r"1\.(0|[1-9][0-9]{0,5})", version) is not None, "manifest", f"format_version {version!r}")
    _must(manifest, "ir_version", whole(1, 2))
    _must(manifest, "lowering_version", whole(0, 2**31 - 1))


def check_members(manifest: Object, members: Mapping[str, memoryview]) -> None:
    """Compare sizes and digests of the members with the manifest."""
    listed = _object(manifest, "members")
    require(set(listed) == set(members) - {"manifest.json"}, "manifest", "keys of members")
    for name in listed:
        entry, data = _object(listed, name), members[name]
        require(set(entry) == {"sha256", "size"}, "manifest", f"members.{name}: keys")
        _must(entry, "size", whole(len(data), len(data)))
        require(entry["sha256"] == hashlib.sha256(data).hexdigest(), "manifest", f"members.{name}.sha256")


def check_description(manifest: Object, network: Network) -> None:
    """Check the statements of the manifest on the network."""
    require(1 <= len(_text(manifest, "name")) <= 256, "manifest", "name: length")
    if "producer" in manifest:
        producer = _object(manifest, "producer")
        _text(producer, "name")
        _text(producer, "version")
    require(_text(manifest, "arithmetic") == ("exact" if network.exact else "float32"), "manifest", "arithmetic")
    if network.exact:
        _must(manifest, "bits", whole(2, 16))
        _must(manifest, "exact_steps", whole(1, 2**31 - 1))
    else:
        require(manifest.get("bits") is None and manifest.get("exact_steps") is None, "manifest", "bits, exact_steps")
    labels = manifest.get("labels")
    classes = network.shapes[network.output][0]
    agrees = isinstance(labels, list) and texts(1, 256)(labels) and len(labels) == classes
    require(labels is None or agrees, "manifest", "labels")
    _check_provenance(_object(manifest, "provenance"), network)
    for index, result in enumerate(_objects(manifest, "results")):
        _known(result, RESULT, f"results[{index}]")
        accuracy, before = result.get("accuracy"), result.get("accuracy_before_quantisation")
        if isinstance(accuracy, list):
            require("data" in result and "images" in result, "manifest", "a result with accuracy has data and images")
            require(
                before is None or (isinstance(before, list) and len(before) == len(accuracy)), "manifest", "accuracy"
            )
    conversion = _object(manifest, "conversion")
    _known(conversion, CONVERSION, "conversion")
    for layer in _objects(conversion, "layers") if "layers" in conversion else []:
        _known(layer, LAYER, "conversion.layers")
        for entry in _objects(layer, "by_step") if "by_step" in layer else []:
            _known(entry, BY_STEP, "conversion.layers.by_step")


def _check_provenance(provenance: Object, network: Network) -> None:
    """Check the statements of the provenance on the inputs, and that log-mel features match the input of the network."""
    _known(provenance, PROVENANCE, "provenance")
    stated, input_range = provenance.get("input_features"), provenance.get("input_range")
    if not isinstance(stated, dict) or stated["kind"] != "log-mel":
        return
    fits = network.shapes[network.input] == (stated["bands"], 1, stated["frames"])
    require(fits, "manifest", "provenance.input_features: shape of the input")
    agrees = not isinstance(input_range, list) or list(map(float, input_range)) == [float(stated["floor"]), 0]
    require(agrees, "manifest", "provenance: input_range is that of input_features")


def _known(value: Object, checks: Mapping[str, Check], where: str) -> None:
    for key, check in checks.items():
        require(key not in value or check(value[key]), "manifest", f"{where}.{key}")


def _must(value: Object, key: str, check: Check) -> None:
    require(key in value and check(value[key]), "manifest", key)


def _text(value: Object, key: str) -> str:
    item = value.get(key)
    if not isinstance(item, str):
        raise Refused("manifest", f"{key}: expected a text")
    return item


def _object(value: Object, key: str) -> Object:
    item = value.get(key)
    if not isinstance(item, dict):
        raise Refused("manifest", f"{key}: expected an object")
    return item


def _objects(value: Object, key: str) -> list[Object]:
    item = value.get(key)
    if not isinstance(item, list) or not all(isinstance(entry, dict) for entry in item):
        raise Refused("manifest", f"{key}: expected a list of objects")
    return item
