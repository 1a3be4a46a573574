"""Exported C as texts, for tests that compile it."""

from __future__ import annotations

from spikelet.deploy.firmware import c_files


def c_project(bundle, form="host", *arguments, **options):
    """Return the files of `spikelet.deploy.firmware.c_files` as texts, and the sizes. Arguments are those of `c_files`."""
    files, sizes = c_files(bundle, form, *arguments, **options)
    return {path: str(text) for path, text in files.items()}, sizes
