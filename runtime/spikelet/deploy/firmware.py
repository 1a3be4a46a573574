"""Export a bundle as C source, with its golden inputs as a self-test."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from spikelet.bundle import Bundle
from spikelet.choices import C_PREFIX
from spikelet.data.options import stated_span
from spikelet.deploy.packages.base import Facts, Package, filled
from spikelet.files.atomic import Text
from spikelet.graph import Graph
from spikelet.limits import Limits
from spikelet.lowering.c import HostProgram, McuProgram
from spikelet.lowering.c.copies import proven_steps
from spikelet.lowering.c.program import PixelLayout, Program
from spikelet.lowering.c.project import Recording, Sizes, project, sizes
from spikelet.lowering.c.text.names import comment
from spikelet.options import choice, instance

Form = Literal["host", "mcu"]
BYTES = 24  # of memory per number of the source: its text, twice while the pieces are joined
IMAGES = 2  # golden inputs in the self-test; the flash memory of a board is small


def c_files(
    bundle: Bundle,
    form: Form = "host",
    layout: PixelLayout = "chw",
    prefix: str = C_PREFIX,
    package: Package | None = None,
) -> tuple[dict[str, Text], Sizes]:
    """Return the texts of the files by path, and the sizes in bytes: `flash` (constants) and `ram`.

    Args:
        bundle: The network, with its golden inputs.
        form: "host", with lists of spikes and vector registers, or "mcu", plain C99 for microcontrollers.
        layout: Order of the values of an image: channel first ("chw") or last ("hwc"), as cameras write them.
        prefix: Prefix of public names and file names.
        package: An entry of `spikelet.deploy.packages.kinds.PACKAGES`, such as that of "arduino"; None for a plain
            folder with a Makefile.

    Returns:
        The texts, which `spikelet.files.atomic.write_files` writes to a folder, and the sizes.

    Raises:
        EngineError: The network is float32.
        CostError: The text of the weights needs more memory than the limits of the environment permit.
        UsageError: An argument is of a wrong type; the prefix is not valid, or a name is already in use.

    Examples:
        >>> import tempfile
        >>> from spikelet import bundle, shipped
        >>> from spikelet.files.atomic import write_files
        >>> files, size = c_files(bundle.read(shipped.named("vgg5-fashion-mnist")), "mcu")
        >>> sorted(files)
        ['Makefile', 'README.md', 'main.c', 'model.c', 'model.h', 'model_weights.c']
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_files(folder, files)
        >>> size.flash > size.ram
        True
    """
    instance("bundle", bundle, Bundle)
    choice("form", form, get_args(Form))
    choice("layout", layout, get_args(PixelLayout))
    instance("prefix", prefix, str)
    if package is not None:
        instance("package", package, Package)
    graph, program = bundle.graph, c_program(bundle.graph, form, layout)
    written = sum(parameter.values.size for parameter in program.parameters)
    Limits().check(f"C source of {written:,} numbers", BYTES * written)
    golden = bundle.golden
    recording = Recording(
        golden.inputs[:IMAGES],
        golden.logits[:, :IMAGES].astype(np.int64),
        {name: spikes[:, :IMAGES].sum(axis=2, dtype=np.int64) for name, spikes in golden.spikes.items()},
    )
    manifest = bundle.manifest
    steps = min(bundle.step_limit or 1, proven_steps(graph))
    labels, span = manifest.labels or (), stated_span(manifest.provenance)
    use, paths = ("", {}) if package is None else (filled(package.use, prefix), package.paths(prefix))
    files = project(program, manifest.name, bundle.digest, labels, steps, recording, prefix, use, paths, span)
    if package is not None:
        facts = Facts(prefix, comment(manifest.name), comment(bundle.digest or "unknown"), program.form)
        files = package.packed(files, facts)
    return files, sizes(program)


def c_program(graph: Graph, form: Form, layout: PixelLayout) -> Program:
    """Return the C program of an exported network.

    Args:
        graph: The network.
        form: "host" or "mcu".
        layout: Order of the values of an image.

    Raises:
        EngineError: The network is float32.
    """
    return McuProgram(graph, layout) if form == "mcu" else HostProgram(graph, window=1, layout=layout)
