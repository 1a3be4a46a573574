"""Hardware profiles: published energies per operation, each with its citation.

A profile is a TOML file:

    name = "my-chip"
    title = "My chip, 28 nm"
    counts = "events"        # or "connections": operations at every connection and time-step, with or without a spike
    memory = "included"      # in the figures; "separate": in [dram] and [[sram]]; "unstated"
    weight_bits = 8          # bits per weight, for memory traffic
    [figures.ac]             # one accumulate; also mac, neuron_update, fp32_mac, int8_mac
    low = 20                 # low and high if sources disagree; or value = 20
    high = 24
    unit = "pJ"
    source = "who, where, when"

Every number requires a source. A chip without published energies has the key `unpublished` instead, and optional
[[power]] entries.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from spikelet import options
from spikelet.choices import MAIN_PROFILE as MAIN_PROFILE
from spikelet.choices import PROFILES, profiles
from spikelet.errors import UsageError
from spikelet.files.toml import read_toml
from spikelet.files.toml_table import Table

FIGURES = ("ac", "mac", "neuron_update", "fp32_mac", "int8_mac")
KEYS = ("name", "title", "notes", "unpublished", "counts", "memory", "weight_bits", "figures", "dram", "sram", "power")
# a name becomes part of file names, in which a number alone is the index of a bundle
NAME = re.compile(r"(?!\d+$)[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
PICOJOULES = {"pJ": 1.0, "nJ": 1e3, "uJ": 1e6}
PER_BIT = {"pJ/bit": 1.0, "pJ/32bit": 1 / 32, "pJ/64bit": 1 / 64, "nJ/64bit": 1e3 / 64}
MOST_BYTES, MOST_BITS = 2**50, 1024  # of an SRAM, of the word of a weight
WATTS = {"uW": 1e-6, "mW": 1e-3, "W": 1.0}


Memory = Literal["included", "separate", "unstated"]


@dataclass(frozen=True)
class PublishedValue:
    """A published number with its source; low and high differ if sources disagree.

    Energies are in pJ, energies of memory in pJ per bit, powers in W.
    """

    low: float
    high: float
    source: str
    quantity: str = ""


@dataclass(frozen=True)
class Profile:
    """The published energies per operation of one hardware platform.

    Attributes:
        counts: "events": spikes cause operations; "connections": every connection costs one at every time-step.
        memory: "included": the figures include memory traffic; "separate": `dram` and `sram` are its energies;
            "unstated": the source does not say.
        unpublished: The missing information, if there are no figures.
        figures: Energies by name: ac and mac, one synaptic operation; neuron_update; fp32_mac and int8_mac, of the
            baselines.
        sram: (bytes, energy per bit), in ascending order of bytes.
    """

    name: str
    title: str
    notes: str = ""
    unpublished: str = ""
    counts: Literal["events", "connections"] = "events"
    memory: Memory = "unstated"
    weight_bits: int = 8
    figures: Mapping[str, PublishedValue] = field(default_factory=dict)
    dram: PublishedValue | None = None
    sram: tuple[tuple[int, PublishedValue], ...] = ()
    power: tuple[PublishedValue, ...] = ()

    @property
    def priced(self) -> bool:
        """Whether an energy per operation is published."""
        return bool(self.figures)

    def buffer(self, size: int) -> PublishedValue:
        """Return the energy per bit of a buffer of `size` bytes: that of the smallest sufficient SRAM, or the last."""
        return next((figure for capacity, figure in self.sram if capacity >= size), self.sram[-1][1])

    def sources(self) -> list[tuple[str, PublishedValue]]:
        """List every published value with its name."""
        values = [(name, figure) for name, figure in self.figures.items()]
        values += [(f"SRAM of {size:,} bytes, per bit", figure) for size, figure in self.sram]
        values += [("DRAM, per bit", self.dram)] if self.dram is not None else []
        return values + [(figure.quantity, figure) for figure in self.power]


def load_profile(path: str | Path) -> Profile:
    """Read a profile.

    Raises:
        UsageError: The file is not TOML, has an unknown key or no figures, or a number is negative or has no source.
    """
    path = options.path("path", path)
    return _profile(Table(str(path), read_toml(path)))


def builtin() -> dict[str, Profile]:
    """Load the built-in profiles, by name."""
    return {name: load_profile(PROFILES / f"{name}.toml") for name in profiles()}


def find_profile(text: str) -> Profile:
    """Load a profile by its name or path.

    Raises:
        UsageError: There is no such profile or file, or the file is not a profile.
    """
    options.instance("profile", text, str)
    if text in profiles():
        return load_profile(PROFILES / f"{text}.toml")
    if not os.path.isfile(text):
        raise UsageError(f"profile {options.shown(text)}: neither a file nor one of {', '.join(profiles())}")
    return load_profile(Path(text))


def _profile(table: Table) -> Profile:
    table.only(*KEYS)
    figures, entries = {}, table.table("figures")
    entries.only(*FIGURES)
    for name in entries:
        figures[name] = _figure(entries.table(name), PICOJOULES)
    power = tuple(_figure(entry, WATTS) for entry in table.tables("power"))
    unpublished = table.text("unpublished", "")
    if not figures and not unpublished:
        raise UsageError(
            f'{table.path}: has no [figures.ac]; a chip without one says unpublished = "what is not known"'
        )
    if figures and "ac" not in figures:
        raise UsageError(f"{table.path}: [figures.ac] is missing: the energy of one synaptic operation")
    sram = [(entry.whole("bytes", MOST_BYTES), _figure(entry, PER_BIT, "bytes")) for entry in table.tables("sram")]
    dram = _figure(table.table("dram"), PER_BIT) if "dram" in table else None
    memory: Memory = table.one_of("memory", "included", "separate", "unstated", otherwise="unstated")
    if memory == "separate" and (dram is None or not sram):
        raise UsageError(f'{table.path}: memory is "separate"; expected [dram] and [[sram]] with their figures')
    name = table.text("name")
    if not NAME.fullmatch(name):
        expected = "letters, digits, '.', '_' and '-', not digits alone"
        raise UsageError(f"{table.path}: name: expected {expected}, found {options.shown(name)}")
    return Profile(
        name=name,
        title=table.text("title"),
        notes=table.text("notes", ""),
        unpublished=unpublished,
        counts=table.one_of("counts", "events", "connections", otherwise="events"),
        memory=memory,
        weight_bits=table.whole("weight_bits", MOST_BITS, 8),
        figures=figures,
        dram=dram,
        sram=tuple(sorted(sram, key=lambda item: item[0])),
        power=power,
    )


def _figure(table: Table, units: Mapping[str, float], *extra_keys: str) -> PublishedValue:
    table.only("low", "high", "value", "unit", "source", "what", *extra_keys)
    low, high = (table.number("value"),) * 2 if "value" in table else (table.number("low"), table.number("high"))
    if low > high:
        raise UsageError(f"{table.path}: low is {low:g} and high is {high:g}; expected low to be the smaller")
    unit = units[table.one_of("unit", *units)]
    return PublishedValue(low * unit, high * unit, table.citation(), table.text("what", ""))
