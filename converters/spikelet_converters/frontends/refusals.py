"""What is refused, and the nearest thing that works: one table for each kind of source."""

from __future__ import annotations

_POOL = (
    "train with average pooling instead: a maximum of rates is not a rate of spikes; "
    "or let it be replaced with --max-pool average"
)
_RELU = "use a SpikingActivation module, which has the threshold that a neuron needs, or calibrate one (--calibration)"
_SIGMOID = "replace it by ReLU: a spike rate is what a rectifier gives"
UNKNOWN = (
    "it has no exact spiking form here; convolutions, linear layers, average pools and ReLUs have (docs/support.md)"
)
TORCH = {
    "MaxPool2d": _POOL,
    "max_pool2d": _POOL,
    "boolean_dispatch": _POOL,  # what torch.fx sees of functional.max_pool2d
    "ReLU": _RELU,
    "relu": _RELU,
    "ReLU6": _RELU,
    "relu6": _RELU,
    "Hardtanh": _RELU,
    "hardtanh": _RELU,
    "clamp": _RELU,
    "cat": "a concatenation of layers has no node in IR version 1; add the layers instead",
    "GELU": "it has no exact spiking form here; fine-tune with ReLU in its place",
    "SiLU": "it has no exact spiking form here; fine-tune with ReLU in its place",
    "Sigmoid": f"it has no exact spiking form here; {_SIGMOID}",
    "Tanh": f"it has no exact spiking form here; {_SIGMOID}",
    "QuantSigmoid": "it has no exact spiking form here; use QuantReLU, whose levels a neuron counts out",
    "QuantTanh": "it has no exact spiking form here; use QuantReLU, whose levels a neuron counts out",
    "LeakyReLU": "it sends on negative values, a spike cannot; fine-tune with ReLU in its place",
    "PReLU": "it sends on negative values, a spike cannot; fine-tune with ReLU in its place",
    "ELU": "it sends on negative values, a spike cannot; fine-tune with ReLU in its place",
    "LayerNorm": "it divides by a deviation of the moment; use batch norm, which folds into weights",
    "GroupNorm": "it divides by a deviation of the moment; use batch norm, which folds into weights",
    "InstanceNorm2d": "it divides by a deviation of the moment; use batch norm, which folds into weights",
    "ConvTranspose2d": "a transposed convolution has no node in IR version 1; use a convolution",
    "Upsample": "upsampling has no node in IR version 1; leave it out",
    "Conv1d": "has no node in IR version 1; use a Conv2d whose kernel is one high",
    "Conv3d": "has no node in IR version 1; use a Conv2d for each time-step",
    "LSTM": "recurrence has no node in IR version 1; a feed-forward network does",
    "GRU": "recurrence has no node in IR version 1; a feed-forward network does",
    "RNN": "recurrence has no node in IR version 1; a feed-forward network does",
    "MultiheadAttention": "a product of activations has no spiking form here; use a convolutional network",
    "Softmax": "leave it out: the largest logit is the answer with and without",
    "softmax": "leave it out: the largest logit is the answer with and without",
    "LogSoftmax": "leave it out: the largest logit is the answer with and without",
    "mul": "a product of activations has no spiking form here; fold the factor into the weights",
    "matmul": "a product of activations has no spiking form here; use nn.Linear for weights",
    "sub": "a difference of activations has no node in IR version 1; fold the minus into the weights",
}

_NEGATIVE = "it sends on negative values, a spike cannot; fine-tune with Relu in its place"
_FEED_FORWARD = "recurrence has no node in IR version 1; a feed-forward network does"
_NORM = "it divides by a deviation of the moment; BatchNormalization folds into weights, this does not"
PRODUCT = "a product of activations has no spiking form here; fold constant factors into the weights"
ONNX = {
    "MaxPool": "a maximum of rates is not a rate of spikes: train with average pooling, or let it be replaced with "
    "--max-pool average",
    "LeakyRelu": _NEGATIVE,
    "PRelu": _NEGATIVE,
    "Elu": _NEGATIVE,
    "Selu": _NEGATIVE,
    "Gelu": "it has no exact spiking form here; fine-tune with Relu in its place",
    "Sigmoid": "it has no exact spiking form here; fine-tune with Relu in its place",
    "HardSigmoid": "it has no exact spiking form here; fine-tune with Relu in its place",
    "HardSwish": "it has no exact spiking form here; fine-tune with Relu in its place",
    "Tanh": "it has no exact spiking form here; fine-tune with Relu in its place",
    "Concat": "a concatenation of layers has no node in IR version 1; add the layers instead",
    "Mul": PRODUCT,
    "Div": PRODUCT,
    "LSTM": _FEED_FORWARD,
    "GRU": _FEED_FORWARD,
    "RNN": _FEED_FORWARD,
    "Loop": _FEED_FORWARD,
    "LayerNormalization": _NORM,
    "InstanceNormalization": _NORM,
    "GroupNormalization": _NORM,
    "ConvTranspose": "a transposed convolution has no node in IR version 1; use a convolution",
    "Resize": "resizing has no node in IR version 1; resize the images before they go in",
    "Upsample": "resizing has no node in IR version 1; resize the images before they go in",
    "Pad": "give the padding to the convolution after it; pads of its own have no node",
    "Transpose": "permuted axes have no node in IR version 1; export the network channel first (NCHW)",
    "Sub": "a difference of activations has no node in IR version 1; fold the minus into the weights",
    "If": "a network that branches on values has no fixed graph; export the branch that is taken",
    "QLinearConv": "integer operators are a runtime's own form; export the network before it was quantised, or as "
    "QuantizeLinear and DequantizeLinear around float operators",
}

RECURRENT = "is recurrent, and IR version 1 has no recurrence"
NEURONS = {
    "RLeaky": f"{RECURRENT}; use Leaky",
    "RSynaptic": f"{RECURRENT}; use Synaptic",
    "SLSTM": f"{RECURRENT}; use Leaky",
    "SConv2dLSTM": f"{RECURRENT}; use Leaky",
    "Alpha": "the alpha kernel has no node; use Synaptic, whose current fades with one exponential",
    "Lapicque": "use Leaky with beta = 1 - dt / (R C), which is the same neuron",
    "LeakyParallel": "trains without a reset; use Leaky",
    "QIFNode": "a quadratic neuron has no node; use LIFNode",
    "EIFNode": "an exponential neuron has no node; use LIFNode",
    "IzhikevichNode": "an Izhikevich neuron has no node; use LIFNode",
    "PSN": "is no neuron that goes step by step; use LIFNode",
    "MaskedPSN": "is no neuron that goes step by step; use LIFNode",
    "SlidingPSN": "is no neuron that goes step by step; use LIFNode",
    "GatedLIFNode": "its gates change at each step; use LIFNode",
    "KLIFNode": "rectifies its potential; use LIFNode",
    "MaxPool2d": "a maximum of rates is not a rate of spikes; train with average pooling",
    "ALIF": "an adaptive threshold has no node; use LIF",
    "ALIFRecurrent": f"{RECURRENT}; use LIF",
    "LIFRecurrent": f"{RECURRENT}; use LIF",
    "LIFRecurrentCell": f"{RECURRENT}; use LIFCell",
    "IAFRecurrent": f"{RECURRENT}; use IAF",
    "NeuromorphicReLU": "use torch.nn.ReLU and calibrate",
    "SpikingMaxPooling2dLayer": "a maximum of spikes has no node; train with SumPool2d",
    "LIFAdExCell": "an exponential neuron has no node; use LIFCell",
    "LIFExCell": "an exponential neuron has no node; use LIFCell",
    "LIFRefracCell": "a refractory period has no node; use LIFCell",
    "LSNNCell": "an adaptive threshold has no node; use LIFCell",
    "IzhikevichCell": "an Izhikevich neuron has no node; use LIFCell",
}

NIR = {
    "Delay": "IR version 1 has no delays; a network without them reads",
    "Threshold": "a threshold without a state is no neuron here; use an IF",
    "Conv1d": "has no node in IR version 1; write it as a Conv2d whose kernel is one high",
}
