"""Check the entries of `provenance`, `results` and `conversion` that programs display or use.

Known keys may be missing, and have one type where they are present. Other keys are ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from spikelet import features, options
from spikelet.bundle.fields import Fields
from spikelet.choices import MAX_LEVELS
from spikelet.errors import BundleError, UsageError
from spikelet.inputs import MAX_STEPS
from spikelet.nodes import Shape

MAX_COUNT = 2**53  # of images, neurons and time-steps: exact in float64
MAX_NUMBER = 2.0**64  # magnitude of any other number

SPAN, FEATURES = "input_range", "input_features"  # keys of the provenance

T = TypeVar("T")
Check = Callable[[Fields, str], object]


def check_results(source: Fields, key: str) -> None:
    """Raise BundleError if an entry of the list `key` is not the result of a measurement."""
    for result in source.objects(key):
        _check(result, RESULT)
        if "accuracy" not in result:
            continue
        for required in ("data", "images"):
            if required not in result:
                raise BundleError.at(result.path, f"{required} is missing, which an accuracy needs")
        before = "accuracy_before_quantisation"
        if before in result and len(result.items(before)) != len(result.items("accuracy")):
            expected, found = len(result.items("accuracy")), len(result.items(before))
            reason = f"expected {expected} numbers, as in accuracy, found {found}"
            raise BundleError.at(f"{result.path}.{before}", reason, expected=str(expected), found=str(found))


def check_provenance(source: Fields, key: str, shape: Shape) -> None:
    """Raise BundleError if the object `key` states inputs that are invalid, or that do not fit the network.

    Args:
        source: The manifest.
        key: Key of the provenance.
        shape: Shape of the network's input.
    """
    provenance = source.object(key)
    _check(provenance, PROVENANCE)
    stated = _stated_features(provenance, FEATURES) if FEATURES in provenance else None
    if stated is None:
        return
    expected = (stated["bands"], 1, stated["frames"])
    if shape != expected:
        raise _differs(
            f"{provenance.path}.{FEATURES}", "the input of the network is (bands, 1, frames)", expected, shape
        )
    span = (stated["floor"], 0.0)
    found = _span(provenance, SPAN) if SPAN in provenance else span
    if found != span:
        raise _differs(f"{provenance.path}.{SPAN}", f"{SPAN} is [floor, 0] of {FEATURES}", span, found)


def check_conversion(source: Fields, key: str) -> None:
    """Raise BundleError if the object `key` is not a conversion report."""
    _check(source.object(key), CONVERSION)


def _check(source: Fields, known: Mapping[str, Check]) -> None:
    for key, check in known.items():
        if key in source:
            check(source, key)


def _count(source: Fields, key: str) -> None:
    source.whole(key, 0, MAX_COUNT)


def _steps(source: Fields, key: str) -> None:
    source.whole(key, 1, MAX_STEPS)


def _span(source: Fields, key: str) -> tuple[float, float]:
    return _refusing(options.span, f"{source.path}.{key}", source.items(key))


def _stated_features(source: Fields, key: str) -> dict[str, int | float] | None:
    return _refusing(features.stated_log_mel, f"{source.path}.{key}", source.object(key).raw())


def _refusing(read: Callable[[str, object], T], path: str, value: object) -> T:
    """Read a value with a function for options; raise BundleError instead of its UsageError."""
    try:
        return read(path, value)
    except UsageError as error:
        raise BundleError.at(error.where, error.reason, expected=error.expected, found=error.found) from None


def _differs(path: str, rule: str, expected: object, found: object) -> BundleError:
    return BundleError.at(path, f"{rule}: expected {expected}, found {found}", expected=str(expected), found=str(found))


def _levels(source: Fields, key: str) -> None:
    source.whole(key, 1, MAX_LEVELS)


def _share(source: Fields, key: str) -> None:
    source.number(key, 0, 1)


def _shares(source: Fields, key: str) -> None:
    source.numbers(key, 0, 1)


def _optional(check: Check) -> Check:
    """Return a check that also accepts null."""

    def checked(source: Fields, key: str) -> None:
        if not source.null(key):
            check(source, key)

    return checked


def _objects(known: Callable[[], Mapping[str, Check]], least: int) -> Check:
    """Return a check for a list of `least` or more objects with these known keys."""

    def checked(source: Fields, key: str) -> None:
        entries = source.objects(key)
        if len(entries) < least:
            reason = f"expected {least} entry or more, found {len(entries)}"
            raise BundleError.at(f"{source.path}.{key}", reason, expected=f"{least} or more", found=str(len(entries)))
        for entry in entries:
            _check(entry, known())

    return checked


def _bounded(source: Fields, key: str) -> None:
    source.number(key, -MAX_NUMBER, MAX_NUMBER)


_number = _optional(_bounded)

RESULT: dict[str, Check] = {
    "data": Fields.text,
    "digest": Fields.text,
    "engine": Fields.text,
    "command": Fields.text,
    "images": _count,
    "steps": _count,
    "accuracy": _shares,
    "accuracy_before_quantisation": _shares,
    "float_accuracy": _share,
    "agreement_with_float": _share,
}
STEP: dict[str, Check] = {
    "steps": _count,
    "spike_rate": _number,
    "over_firing": _number,
    "under_firing": _number,
    "correlation": _number,
    "rms_residual": _number,
}
LAYER: dict[str, Check] = {
    "layer": Fields.text,
    "neurons": _count,
    "exact_steps": _count,
    "weight_error": _number,
    "activation": _number,
    "agreement_through": _number,
    "clipped": _number,
    "by_step": _objects(lambda: STEP, least=1),
}
PROVENANCE: dict[str, Check] = {SPAN: _span, FEATURES: _stated_features, "levels": _optional(_levels)}
CONVERSION: dict[str, Check] = {
    "steps": _steps,
    "bits": _optional(_count),
    "advice": Fields.texts,
    "notes": Fields.texts,
    "layers": _objects(lambda: LAYER, least=0),
}
