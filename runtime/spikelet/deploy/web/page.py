"""Write the web page of a bundle."""

from __future__ import annotations

from dataclasses import dataclass

from spikelet.bundle import Bundle, safetensors
from spikelet.data.images import ImageSet
from spikelet.deploy.web.compiler import compile_module, require_tools
from spikelet.deploy.web.document import document
from spikelet.deploy.web.payload import payload
from spikelet.lowering.c import HostProgram
from spikelet.lowering.c.interface import page_source


@dataclass(frozen=True)
class WebPage:
    """A web page and its sizes.

    Attributes:
        html: Text of the file.
        module_bytes: Size of the WebAssembly module, without parameters.
        parameter_bytes: Size of the parameters in memory.
        inputs: Number of golden inputs and sample images.
    """

    html: str
    module_bytes: int
    parameter_bytes: int
    inputs: int


def web_page(bundle: Bundle, samples: ImageSet | None = None) -> WebPage:
    """Return an HTML page that runs the bundle without any connection, and replays its golden inputs when opened.

    Args:
        bundle: The bundle.
        samples: Images offered beside the golden inputs.

    Raises:
        EngineError: The network is float32.
        SpikeletError: Clang or its linker is missing, or fails.

    Examples:
        >>> from pathlib import Path
        >>> from spikelet import bundle, shipped
        >>> from spikelet.deploy.web import web_page
        >>> page = web_page(bundle.read(shipped.demo()))  # doctest: +SKIP
        >>> Path("vgg9.html").write_text(page.html)  # doctest: +SKIP
    """
    program = HostProgram(bundle.graph, product_bytes=0)  # WebAssembly does not add products of bytes
    require_tools()
    module = compile_module(page_source(program))
    data = payload(bundle, program, samples)
    parameters = [value for name, value in data.tensors.items() if name.startswith("parameter.")]
    sizes = {"moduleBytes": len(module), "parameterBytes": sum(value.nbytes for value in parameters)}
    html = document(bundle.manifest.name, data.facts | sizes, module, safetensors.encode(data.tensors))
    inputs = sum(len(data.tensors[name]) for name in ("golden.input", "samples") if name in data.tensors)
    return WebPage(html, len(module), sizes["parameterBytes"], inputs)
