"""Domains of operators: those of ONNX, of QONNX, and of runtimes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikelet.errors import ConversionError
from spikelet_converters.frontends.refusals import FOR_ONE_PROCESSOR

if TYPE_CHECKING:
    import onnx

OF_QONNX = ("qonnx", "onnx.brevitas", "finn")  # how the names of the domains begin


def import_domains(model: onnx.ModelProto) -> None:
    """Import the domains of QONNX, which some of its files leave out and the checker of ONNX requires."""
    from onnx import helper

    used = {node.domain for node in model.graph.node if node.domain.startswith(OF_QONNX)}
    missing = used - {entry.domain for entry in model.opset_import}
    model.opset_import.extend(helper.make_opsetid(domain, 1) for domain in sorted(missing))


def check_domain(node: onnx.NodeProto, where: str) -> None:
    """Check that an operator is one of ONNX.

    Raises:
        ConversionError: The operator belongs to another domain.
    """
    if node.domain.endswith("channels_last"):
        raise ConversionError(
            f"{where}: is an operator of QONNX ({node.domain}), which takes images channel last; expected the file "
            "before qonnx.transformation.channels_last, with images (N, C, H, W)"
        )
    if node.domain.startswith(OF_QONNX):
        raise ConversionError(
            f"{where}: is an operator of QONNX ({node.domain}), which ONNX Runtime does not execute; export the "
            "network with brevitas.export.export_onnx_qcdq, or convert the file with qonnx.transformation.qonnx_to_qcdq"
        )
    # before opset 21, ONNX Runtime quantises to 4 bits with operators of its own, which are those of ONNX
    quantises = node.op_type in ("QuantizeLinear", "DequantizeLinear") and node.domain == "com.microsoft"
    if node.domain == "com.microsoft.nchwc" or (node.domain == "com.microsoft" and node.op_type.startswith("Nhwc")):
        raise ConversionError(f"{where}: {FOR_ONE_PROCESSOR}")
    if node.domain not in ("", "ai.onnx") and not quantises:
        raise ConversionError(
            f"{where}: is an operator of {node.domain}, which only the runtime of that domain defines; export the "
            "network with operators of ONNX (for quantised networks in the QDQ format)"
        )
