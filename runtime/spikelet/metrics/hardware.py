"""Hardware profiles: published energies per operation, each with its citation.

A profile is a TOML file:

    name = "my-chip"
    title = "My chip, 28 nm"
    counts = "events"        # or "connections": work for every connection at every step, spike or not
    memory = "included"      # in the figures; "separate": priced by [dram] and [[sram]]; "unstated"
    weight_bits = 8          # word of a weight, for memory traffic
    [figures.ac]             # one accumulate; also mac, neuron_update, fp32_mac, int8_mac
    low = 20                 # low and high, where sources disagree; or value = 20
    high = 24
    unit = "pJ"
    source = "who, where, when"

A number without a source does not exist. A chip of which no figure is published says so, with `unpublished` and
what [[power]] entries there are, and is listed with them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Literal

from spikelet.errors import UsageError
from spikelet.metrics.toml_fields import Table
from spikelet.toml import read_toml

MAIN_PROFILE = "cmos45-int8"  # compared in full where no profile is named
FIGURES = ("ac", "mac", "neuron_update", "fp32_mac", "int8_mac")
KEYS = ("name", "title", "notes", "unpublished", "counts", "memory", "weight_bits", "figures", "dram", "sram", "power")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # it becomes a part of file names
PICOJOULES = {"pJ": 1.0, "nJ": 1e3, "uJ": 1e6}
PER_BIT = {"pJ/bit": 1.0, "pJ/32bit": 1 / 32, "pJ/64bit": 1 / 64, "nJ/64bit": 1e3 / 64}
WATTS = {"uW": 1e-6, "mW": 1e-3, "W": 1.0}


@dataclass(frozen=True)
class Figure:
    """A published number, low and high where sources disagree, and where it is from.

    Energies are in pJ, energies of memory in pJ per bit, powers in W.
    """

    low: float
    high: float
    source: str
    what: str = ""


@dataclass(frozen=True)
class Profile:
    """What a machine needs for an operation.

    counts: "events", work follows spikes; "connections", every connection at every time-step.
    memory: whether the figures include it, leave it to `dram` and `sram`, or do not say.
    unpublished: what no source tells, where there are no figures.
    figures: by name: ac and mac, one synaptic operation; neuron_update; fp32_mac and int8_mac, of the networks
        that the spiking one is held against.
    sram: (bytes, figure) with growing bytes.
    """

    name: str
    title: str
    notes: str = ""
    unpublished: str = ""
    counts: Literal["events", "connections"] = "events"
    memory: Literal["included", "separate", "unstated"] = "unstated"
    weight_bits: int = 8
    figures: Mapping[str, Figure] = field(default_factory=dict)
    dram: Figure | None = None
    sram: tuple[tuple[int, Figure], ...] = ()
    power: tuple[Figure, ...] = ()

    @property
    def priced(self) -> bool:
        """Whether a figure per operation is published."""
        return bool(self.figures)

    def buffer(self, size: int) -> Figure:
        """The memory that a buffer of so many bytes is made of: the smallest that holds it, or the largest."""
        return next((figure for held, figure in self.sram if held >= size), self.sram[-1][1])

    def sources(self) -> list[tuple[str, Figure]]:
        """Every number with its name."""
        found = [(name, figure) for name, figure in self.figures.items()]
        found += [(f"SRAM of {size:,} bytes, per bit", figure) for size, figure in self.sram]
        found += [("DRAM, per bit", self.dram)] if self.dram is not None else []
        return found + [(figure.what, figure) for figure in self.power]


def load_profile(path: Path) -> Profile:
    """Read a profile.

    Raises:
        UsageError: not a TOML file, an unknown key, a number that is negative or has no source, or no figures.
    """
    return _profile(Table(str(path), read_toml(path)))


def builtin() -> dict[str, Profile]:
    """The profiles that come with spikelet, by name."""
    return {name: load_profile(_folder() / f"{name}.toml") for name in names()}


def names() -> list[str]:
    """Names of the profiles that come with spikelet, without reading them: each is that of its file."""
    return sorted(path.stem for path in _folder().glob("*.toml"))


def find_profile(text: str) -> Profile:
    """The profile of that name, or in that file.

    Raises:
        UsageError: there is neither, or the file is no profile.
    """
    if text in names():
        return load_profile(_folder() / f"{text}.toml")
    if not Path(text).is_file():
        raise UsageError(f"profile {text!r}: neither a file nor one of {', '.join(names())}")
    return load_profile(Path(text))


def _folder() -> Path:
    return Path(str(resources.files("spikelet.metrics"))) / "profiles"


def _profile(table: Table) -> Profile:
    table.only(*KEYS)
    figures, given = {}, table.table("figures")
    given.only(*FIGURES)
    for name in given:
        figures[name] = _figure(given.table(name), PICOJOULES)
    power = tuple(_figure(each, WATTS) for each in table.tables("power"))
    unpublished = table.text("unpublished", "")
    if not figures and not unpublished:
        raise UsageError(
            f'{table.path}: has no [figures.ac]; a chip without one says unpublished = "what is not known"'
        )
    if figures and "ac" not in figures:
        raise UsageError(f"{table.path}: [figures.ac] is missing: the energy of one synaptic operation")
    sram = [(each.whole("bytes"), _figure(each, PER_BIT, "bytes")) for each in table.tables("sram")]
    dram = _figure(table.table("dram"), PER_BIT) if "dram" in table else None
    memory = table.one_of("memory", "included", "separate", "unstated", otherwise="unstated")
    if memory == "separate" and (dram is None or not sram):
        raise UsageError(f'{table.path}: memory is "separate"; expected [dram] and [[sram]] with their figures')
    name = table.text("name")
    if not NAME.fullmatch(name):
        raise UsageError(f"{table.path}: name: expected letters, digits, '.', '_' and '-', found {name!r}")
    return Profile(
        name=name,
        title=table.text("title"),
        notes=table.text("notes", ""),
        unpublished=unpublished,
        counts=table.one_of("counts", "events", "connections", otherwise="events"),
        memory=memory,
        weight_bits=table.whole("weight_bits", 8),
        figures=figures,
        dram=dram,
        sram=tuple(sorted(sram, key=lambda each: each[0])),
        power=power,
    )


def _figure(table: Table, units: Mapping[str, float], *more: str) -> Figure:
    table.only("low", "high", "value", "unit", "source", "what", *more)
    low, high = (table.number("value"),) * 2 if "value" in table else (table.number("low"), table.number("high"))
    if low > high:
        raise UsageError(f"{table.path}: low is {low:g} and high is {high:g}; expected low to be the smaller")
    unit = units[table.one_of("unit", *units)]
    return Figure(low * unit, high * unit, table.citation(), table.text("what", ""))
