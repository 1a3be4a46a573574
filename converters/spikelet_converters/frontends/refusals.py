"""Reasons and alternatives for unsupported layers, one table per source format."""

from __future__ import annotations

from spikelet.errors import ConversionError

_RELU = "it has no threshold; calibrate it (--calibration), or train the network with ReLUs (spikelet train --model)"
_SIGMOID = "use ReLU, which a spike rate approximates"
UNKNOWN = "it has no exact spiking form here; see docs/reference/support.md for the supported layers"
_ENDING = "a softmax inside the network has no spiking form here; one at the end, of the logits, is left out"
_PRODUCT = "a product of activations has no spiking form here; use a convolutional network"
_POWER = "a power of activations has no spiking form here; fine-tune with ReLU in its place"
_ROUNDING = (
    "a rounding of activations is not supported; leave it out and calibrate the clamp before it (--calibration), or "
    "use levels of a quantiser (SpikingActivation, QuantReLU, QuantizeLinear), which are spike counts"
)
IN_PLACE = (
    "changes a value, or a part of it, in place, which is used by another name; use the result, x = f(x), and "
    "torch.cat for parts"
)
AUTOCAST = (
    "rounds the values of its layers, which no layer of a bundle does; expected full precision in evaluation mode, as "
    "torch.autocast(…, enabled=self.training) gives it"
)
DATA = "assigns to the numbers of a value; expected a new value, y = f(y)"
RANDOM = ("bernoulli", "normal", "rand", "rand_like", "randint", "randn", "randn_like")
"""Names of torch functions that draw random numbers, whose results are no constants."""

_RANDOM = (
    "it draws random numbers in evaluation mode too; draw them only if self.training, and leave out an encoding of "
    "pixels as random spikes"
)
_SMOOTH = "it has no exact spiking form here; fine-tune with ReLU in its place"
_STATISTICS = (
    "it normalises by statistics of the current input; use batch norm, which is folded into weights, and train again"
)
_EXP = "it has no exact spiking form here; write a softmax at the end as one operation, which is left out"
_COMPARISON = (
    "a comparison of activations has no spiking form here; write a rectifier as ReLU, clip or maximum with 0, and a "
    "spiking neuron with snnTorch, SpikingJelly, sinabs or Norse"
)
_ALL = "leave it out: a bundle returns the logits of all classes"
TORCH = {
    "ReLU": _RELU,
    "relu": _RELU,
    "ReLU6": _RELU,
    "relu6": _RELU,
    "Hardtanh": _RELU,
    "hardtanh": _RELU,
    "clamp": _RELU,
    **dict.fromkeys(("CELU", "GELU", "GLU", "Hardswish", "Mish", "SELU", "SiLU", "Softplus", "Softsign"), _SMOOTH),
    **dict.fromkeys(("celu", "elu", "gelu", "glu", "hardswish", "mish", "selu", "silu"), _SMOOTH),
    **dict.fromkeys(("softplus", "softsign", "tanh"), _SMOOTH),
    "Sigmoid": f"it has no exact spiking form here; {_SIGMOID}",
    "Tanh": f"it has no exact spiking form here; {_SIGMOID}",
    "QuantSigmoid": "it has no exact spiking form here; use QuantReLU, whose levels are spike counts of a neuron",
    "QuantTanh": "it has no exact spiking form here; use QuantReLU, whose levels are spike counts of a neuron",
    "ELU": "its output may be negative, a spike cannot be; fine-tune with ReLU in its place",
    **dict.fromkeys(("LayerNorm", "GroupNorm", "InstanceNorm1d", "InstanceNorm2d", "RMSNorm"), _STATISTICS),
    **dict.fromkeys(("layer_norm", "group_norm", "instance_norm", "rms_norm", "native_layer_norm"), _STATISTICS),
    "native_group_norm": _STATISTICS,
    **dict.fromkeys(
        ("LazyConv1d", "LazyConv2d", "LazyLinear", "LazyBatchNorm1d", "LazyBatchNorm2d", "LazyConvTranspose2d"),
        "its weights do not exist yet; call the network once on an input before conversion",
    ),
    **dict.fromkeys(("LocalResponseNorm", "CrossMapLRN2d", "local_response_norm"), _STATISTICS),
    **dict.fromkeys(
        ("LPPool1d", "LPPool2d", "lp_pool2d"), "a power of activations has no spiking form here; use AvgPool2d"
    ),
    **dict.fromkeys(("FractionalMaxPool2d", "fractional_max_pool2d"), "its windows are random; use MaxPool2d"),
    **dict.fromkeys(("Embedding", "EmbeddingBag"), "it looks indices up, and a bundle takes values; use nn.Linear"),
    "Bilinear": "a product of activations has no spiking form here; use nn.Linear",
    "unfold": "it takes windows as axes of their own; use torch.nn.functional.unfold or Conv2d",
    **dict.fromkeys(
        ("Transformer", "TransformerEncoder", "TransformerEncoderLayer"),
        "a product of activations has no spiking form here; use a convolutional network",
    ),
    "Conv3d": "is not supported; use a Conv2d for every time-step",
    "LSTM": "bundles have no recurrence; use a feed-forward network",
    "GRU": "bundles have no recurrence; use a feed-forward network",
    "RNN": "bundles have no recurrence; use a feed-forward network",
    "MultiheadAttention": "a product of activations has no spiking form here; use a convolutional network",
    "Softmax": _ENDING,
    "softmax": _ENDING,
    "LogSoftmax": _ENDING,
    "mul": "a product of activations has no spiking form here; fold the factor into the weights",
    "maximum": "a maximum of activations has no spiking form here; a maximum with 0 is a rectifier",
    "minimum": "a minimum of activations has no spiking form here; that of a value and a number is read",
    "argmax": "an argmax inside the network has no spiking form here; leave it out",
    **dict.fromkeys(("eq", "ge", "gt", "le", "lt", "ne", "sign", "where"), _COMPARISON),
    "exp": _EXP,
    **dict.fromkeys(("fliplr", "flipud"), "it mirrors the samples or channels; mirror pixels with flip(x, [2]) or [3]"),
    **dict.fromkeys(("ceil", "fix", "floor", "floor_divide", "frac", "round", "trunc"), _ROUNDING),
    **dict.fromkeys(("log", "pow", "reciprocal", "rsqrt", "sqrt", "square"), _POWER),
    **dict.fromkeys(
        ("linalg_norm", "linalg_vector_norm", "norm", "normalize", "std", "std_mean", "var", "var_mean"), _STATISTICS
    ),
    **dict.fromkeys(("baddbmm", "bmm", "scaled_dot_product_attention"), _PRODUCT),
    "bilinear": "a product of activations has no spiking form here; use nn.Linear",
    **dict.fromkeys(RANDOM, _RANDOM),
    **dict.fromkeys(("copy", "fill", "index_put", "masked_scatter", "select_scatter", "slice_scatter"), IN_PLACE),
    "getattr": "an attribute of an activation is not supported; use a method, such as transpose(1, 2)",
    "stack": "a new axis of activations is only read if they are added or averaged along it, or have no channels; add "
    "them, or use torch.cat along the channels",
    **dict.fromkeys(("sort", "topk"), _ALL),
    "log_softmax": _ENDING,
    "sigmoid": f"it has no exact spiking form here; {_SIGMOID}",
    "matmul": "a product of activations has no spiking form here; use nn.Linear for weights",
}

_NEGATIVE = "its output may be negative, a spike cannot be; fine-tune with Relu in its place"
_FEED_FORWARD = "bundles have no recurrence; use a feed-forward network"
_NORM = "it normalises by statistics of the current input; use BatchNormalization, which is folded into weights"
_OPTIMISED = (
    "it is in files that were not optimised; export with torch.onnx.export(..., optimize=True), or simplify the file"
)
FOR_ONE_PROCESSOR = (
    "the file was optimised for one processor; expected the file before that, or one that ONNX Runtime optimised up to "
    "ORT_ENABLE_EXTENDED"
)
LEFT = "multiplies an activation by weights on its left, W x; expected x W, with the weights transposed"
PRODUCT = "a product of activations has no spiking form here; fold constant factors into the weights"
_ASSIGNMENT = (
    "replaces numbers at places that are not the same channels, rows and columns for all samples, or adds to them; "
    "expected constant indices, each once"
)
ONNX = {
    **dict.fromkeys(("Scatter", "ScatterElements", "ScatterND"), _ASSIGNMENT),
    "Min": "a minimum of activations has no spiking form here; that of a value and a number is read",
    **dict.fromkeys(("Erf", "Mish", "Softplus", "Softsign", "Swish"), _SMOOTH),
    "Max": "a maximum of activations has no spiking form here; a maximum with 0 is a rectifier",
    "Celu": _NEGATIVE,
    "Elu": _NEGATIVE,
    "Selu": _NEGATIVE,
    "Gelu": "it has no exact spiking form here; fine-tune with Relu in its place",
    "Sigmoid": "it has no exact spiking form here; fine-tune with Relu in its place",
    "HardSwish": "it has no exact spiking form here; fine-tune with Relu in its place",
    "Tanh": "it has no exact spiking form here; fine-tune with Relu in its place",
    "ThresholdedRelu": "it jumps at its threshold, which a spike rate does not; fine-tune with Relu in its place",
    **dict.fromkeys(("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Sign", "Where"), _COMPARISON),
    "Exp": _EXP,
    **dict.fromkeys(("Ceil", "Floor", "Round"), _ROUNDING),
    **dict.fromkeys(("Log", "Pow", "Reciprocal", "Sqrt"), _POWER),
    **dict.fromkeys(("ReduceL1", "ReduceL2", "ReduceSumSquare"), _NORM),
    **dict.fromkeys(
        ("RandomNormalLike", "RandomUniformLike"), "it draws random numbers; export the network in evaluation mode"
    ),
    **dict.fromkeys(("CastLike", "ConcatFromSequence", "SequenceAt", "SplitToSequence"), _OPTIMISED),
    "TopK": _ALL,
    "Mul": PRODUCT,
    "Div": PRODUCT,
    "LSTM": _FEED_FORWARD,
    "GRU": _FEED_FORWARD,
    "RNN": _FEED_FORWARD,
    "Loop": _FEED_FORWARD,
    "LayerNormalization": _NORM,
    "InstanceNormalization": _NORM,
    "GroupNormalization": _NORM,
    **dict.fromkeys(("LRN", "LpNormalization", "MeanVarianceNormalization", "RMSNormalization"), _NORM),
    "If": "a network that branches on values has no fixed graph, unlike one that branches on shapes; export one branch",
    **dict.fromkeys(
        ("ConvInteger", "DynamicQuantizeLinear", "MatMulInteger"),
        "its scale depends on the current input; export the network before quantisation, or quantise it with constant "
        "scales (static quantisation)",
    ),
}

RECURRENT = "is recurrent, and bundles have no recurrence"
FRAMEWORK_NEURONS = {
    ("snntorch", "RLeaky"): f"{RECURRENT}; use Leaky",
    ("snntorch", "RSynaptic"): f"{RECURRENT}; use Synaptic",
    ("snntorch", "SLSTM"): f"{RECURRENT}; use Leaky",
    ("snntorch", "SConv2dLSTM"): f"{RECURRENT}; use Leaky",
    ("snntorch", "Alpha"): "the alpha kernel is not supported; use Synaptic, whose current decays with one exponential",
    ("snntorch", "Lapicque"): "use Leaky with beta = 1 - dt / (R C), which is the same neuron",
    ("snntorch", "LeakyParallel"): "trains without a reset; use Leaky",
    ("spikingjelly", "QIFNode"): "a quadratic neuron is not supported; use LIFNode",
    ("spikingjelly", "EIFNode"): "an exponential neuron is not supported; use LIFNode",
    ("spikingjelly", "IzhikevichNode"): "an Izhikevich neuron is not supported; use LIFNode",
    ("spikingjelly", "PSN"): "does not run step by step; use LIFNode",
    ("spikingjelly", "MaskedPSN"): "does not run step by step; use LIFNode",
    ("spikingjelly", "SlidingPSN"): "does not run step by step; use LIFNode",
    ("spikingjelly", "GatedLIFNode"): "its gates change at every time-step; use LIFNode",
    ("spikingjelly", "KLIFNode"): "rectifies its potential; use LIFNode",
    ("spikingjelly", "LIAFNode"): "returns a function of its potential; use LIFNode",
    ("spikingjelly", "ILIFNode"): "fires several spikes in a step; use LIFNode",
    ("spikingjelly", "OTTTLIFNode"): "is trained with traces; use LIFNode, which fires the same spikes",
    ("spikingjelly", "DSRIFNode"): "returns rates instead of spikes; use IFNode",
    ("spikingjelly", "DSRLIFNode"): "returns rates instead of spikes; use LIFNode",
    (
        "spikingjelly",
        "NonSpikingIFNode",
    ): "is a readout over several time-steps; leave it out: logits are summed over time",
    (
        "spikingjelly",
        "NonSpikingLIFNode",
    ): "is a readout over several time-steps; leave it out: logits are summed over time",
    ("spikingjelly", "WSConv2d"): "standardises its weights; use layer.Conv2d with the weights of its get_weight()",
    ("spikingjelly", "WSLinear"): "standardises its weights; use layer.Linear with the weights of its get_weight()",
    ("spikingjelly", "SynapseFilter"): "its current decays only between spikes; leave it out",
    ("spikingjelly", "LinearRecurrentContainer"): f"{RECURRENT}; use its layers without the container",
    ("spikingjelly", "ElementWiseRecurrentContainer"): f"{RECURRENT}; use its layers without the container",
    ("sinabs", "ALIF"): "an adaptive threshold is not supported; use LIF",
    ("sinabs", "ALIFRecurrent"): f"{RECURRENT}; use LIF",
    ("sinabs", "LIFRecurrent"): f"{RECURRENT}; use LIF",
    ("sinabs", "IAFRecurrent"): f"{RECURRENT}; use IAF",
    ("sinabs", "NeuromorphicReLU"): "use torch.nn.ReLU and calibrate",
    ("sinabs", "SpikingMaxPooling2dLayer"): "a maximum of spikes is not supported; train with SumPool2d",
    ("norse", "LIFRecurrent"): f"{RECURRENT}; use LIF",
    ("norse", "LIFRecurrentCell"): f"{RECURRENT}; use LIFCell",
    ("norse", "LIFAdExCell"): "an exponential neuron is not supported; use LIFCell",
    ("norse", "LIFExCell"): "an exponential neuron is not supported; use LIFCell",
    ("norse", "LIFRefracCell"): "a refractory period is not supported; use LIFCell",
    ("norse", "LSNNCell"): "an adaptive threshold is not supported; use LIFCell",
    ("norse", "IzhikevichCell"): "an Izhikevich neuron is not supported; use LIFCell",
}

NIR = {
    "Delay": "bundles have no delays; only a delay of 0 is read, use a network without delays",
    "Threshold": "a threshold without a state is not supported; use an IF",
}


class NotTraced(ConversionError):
    """torch.fx cannot trace a network; torch.export may."""
