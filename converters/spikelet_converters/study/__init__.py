"""Studies: grids of networks, methods and seeds, trained, converted and measured by one protocol."""

from spikelet_converters.study.config import Run, Study, read_study

__all__ = ["Run", "Study", "read_study"]
