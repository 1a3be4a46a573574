"""Studies: grids of networks, methods and seeds, trained, converted and measured by one protocol."""

from spikelet_converters.study.config import read_study
from spikelet_converters.study.grid import Run, Study

__all__ = ["Run", "Study", "read_study"]
