"""The result of `spikelet validate -o FILE.json` in a report: its check, and its tables.

A result states the digest of its bundle, so that a report does not show the result of another one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from spikelet.bundle.fields import Fields
from spikelet.errors import BundleError, UsageError
from spikelet.report.page import table

MOST = 2**53  # of a count
APART = ("layers", "dynamics")  # keys that are no rows of the first table
Facts = Mapping[str, object]


def check(path: str, facts: Facts, digests: Collection[str]) -> Facts:
    """Return the result if it belongs to one of the bundles.

    Args:
        path: File of the result, for messages.
        facts: Its JSON object.
        digests: Digests of the bundles of the report.

    Raises:
        UsageError: The object is not a result of `spikelet validate`, or that of another bundle.
    """
    fields = Fields(path, facts)
    try:
        fields.boolean("ok")
        for key in ("brian2_version", "bundle", "digest", "arithmetic", "engine", "mode", "target"):
            fields.text(key)
        for key in ("images", "steps"):
            fields.whole(key, 1, MOST)
        fields.number("seconds", 0, MOST)
        for layer in fields.objects("layers"):
            layer.text("name")
            for key in ("neurons", "spikes", "differing_spikes"):
                layer.whole(key, 0, MOST)
            layer.number("max_potential_difference", 0)
    except BundleError as error:
        raise UsageError(f"{error}; expected a file that `spikelet validate BUNDLE -o FILE.json` has written") from None
    if facts["digest"] not in digests:
        raise UsageError(f"{path}: is the validation of another bundle, {facts['bundle']}")
    return facts


def validation_tables(facts: Facts) -> str:
    """Return the result as HTML."""
    rows = [(key, _plain(value)) for key, value in facts.items() if key not in APART]
    body = "<h3>Independent simulator</h3>" + table(["", ""], rows, text=True)
    layers = facts["layers"]
    if not isinstance(layers, list) or not layers:
        return body
    columns = list(layers[0])
    cells = [[_plain(layer.get(column)) for column in columns] for layer in layers]
    return body + table([column.replace("_", " ") for column in columns], cells)


def _plain(value: object) -> str:
    """Format a JSON value as a table cell."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
    if isinstance(value, bool) or not isinstance(value, int):
        return "-" if value is None else str(value)
    return f"{value:,}"
