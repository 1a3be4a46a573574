"""Calls and modules of torch: the imported graph, traced or exported, computes the outputs of torch."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune

from onnx_forms import RAW, logits, pixels
from source_networks.around import SHAPE, Net, compare
from spikelet.errors import ConversionError
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends.torch import from_module, from_program


def halves(x):
    first, second = torch.relu(x).chunk(2, 1)
    return torch.cat((second, first), dim=1)


def shuffled(x):
    n, c, h, w = x.shape
    return torch.relu(x).view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, -1, h, w)


MATRIX = torch.tensor(np.random.default_rng(4).normal(0, 0.7, (6, 4)), dtype=torch.float32)


CALLS = {
    "interpolate": (lambda x: F.interpolate(torch.relu(x), scale_factor=2.0), 4),
    "interpolate to a size": (lambda x: F.interpolate(torch.relu(x), (6, 9), mode="bilinear", align_corners=True), 4),
    "interpolate between a ReLU": (lambda x: torch.relu(F.interpolate(x, size=[9, 9], mode="nearest-exact")), 4),
    "pixel_shuffle": (lambda x: F.pixel_shuffle(torch.relu(x), 2), 1),
    "pixel_unshuffle": (lambda x: F.pixel_unshuffle(torch.relu(x)[..., :6, :6], 3), 36),
    "pad by reflection": (lambda x: F.pad(torch.relu(x), (1, 2, 2, 0), mode="reflect"), 4),
    "pad by replication": (lambda x: F.pad(torch.relu(x), (1, 2, 2, 0), mode="replicate"), 4),
    "max pool of a padding by replication": (lambda x: F.max_pool2d(F.pad(torch.relu(x), (1,) * 4, mode="replicate"), 2), 4),
    "pad in a circle": (lambda x: F.pad(torch.relu(x), (1, 2, 2, 0), "circular"), 4),
    "einsum of channels": (lambda x: torch.einsum("bchw,oc->bohw", torch.relu(x), MATRIX), 6),
    "einsum, transposed": (lambda x: torch.relu(torch.einsum("co,bchw->bohw", MATRIX.T, x)), 6),
    "einsum of an ellipsis": (lambda x: torch.einsum("nc...,c->nc...", torch.relu(x), MATRIX[0].abs()), 4),
    "cat": (lambda x: torch.cat([torch.relu(x), torch.relu(-x)], 1), 8),
    "cat of currents": (lambda x: torch.relu(torch.cat([x, -x], dim=-3)), 8),
    "chunk": (halves, 4),
    "split": (lambda x: torch.relu(x).split([1, 3], 1)[1], 3),
    "split in equal parts": (lambda x: torch.split(torch.relu(x), 2, dim=1)[0], 2),
    "shuffle": (shuffled, 4),
    "channel_shuffle": (lambda x: torch.channel_shuffle(torch.relu(x), 2), 4),
    "a slice of channels": (lambda x: torch.relu(x)[:, 1:3], 2),
    "every second row": (lambda x: torch.relu(x)[:, :, ::2, 1:-1], 4),
    "channels by index": (lambda x: torch.relu(x)[:, [2, 0, 2]], 3),
    "index_select": (lambda x: torch.index_select(torch.relu(x), 1, torch.tensor([3, 1])), 2),
    "pixels by index": (lambda x: torch.relu(x)[..., [0, 0, -1, 2]], 4),
    "rows by index, channels last": (
        lambda x: torch.relu(x).permute(0, 2, 3, 1)[:, [3, 0, 0]].permute(0, 3, 1, 2), 4,
    ),
    "index_select of rows": (lambda x: torch.index_select(torch.relu(x), 2, torch.tensor([1, 3, 5])), 4),
    "flip": (lambda x: torch.relu(x).flip(3, 1) * torch.arange(1.0, 5)[:, None, None], 4),
    "roll": (lambda x: torch.roll(torch.relu(x), (1, -2), (1, 2))[:, :2, :3], 2),
    "one channel": (lambda x: torch.relu(x)[:, 2].unsqueeze(1), 1),
    "narrow": (lambda x: torch.relu(x).narrow(1, 1, 2), 2),
    "max_pool2d": (lambda x: F.max_pool2d(torch.relu(x), 2), 4),
    "max_pool2d with padding": (lambda x: F.max_pool2d(torch.relu(x), 3, stride=2, padding=1, ceil_mode=True), 4),
    "max_pool2d before relu": (lambda x: torch.relu(F.max_pool2d(x, kernel_size=3, stride=1)), 4),
    "adaptive_max_pool2d": (lambda x: F.adaptive_max_pool2d(torch.relu(x), (1, 1)), 4),
    "amax": (lambda x: torch.relu(x).amax((2, 3), keepdim=True), 4),
    "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(torch.relu(x), (3, 5)), 4),
    "sum of pixels": (lambda x: torch.relu(x).sum((-1, -2), keepdim=True) / 9, 4),
    "mean of rows, then of columns": (lambda x: torch.relu(x).mean(3).mean(2, keepdim=True)[..., None], 4),
    "pad": (lambda x: F.pad(torch.relu(x), (1, 0, 2, 1)), 4),
    "a difference of values": (lambda x: torch.relu(torch.relu(x) - torch.relu(-x)), 4),
    "a sum with itself": (lambda x: torch.relu(x) + torch.relu(x), 4),
    "rsub": (lambda x: torch.relu(torch.rsub(x, 0.25)), 4),
    "add with alpha": (lambda x: torch.relu(torch.add(x, torch.relu(x), alpha=0.5)), 4),
    "leaky_relu": (lambda x: F.leaky_relu(x, 0.2), 4),
    "hardtanh": (F.hardtanh, 4),
    "clamp from below zero, padded": (lambda x: F.avg_pool2d(x.clamp(-0.5, 2), 3, padding=1), 4),
    "clamp from above only": (lambda x: torch.clamp(x, max=1.5), 4),
    "maximum with a number": (lambda x: torch.max(x, torch.tensor(-0.5)), 4),
    "minimum of any value": (lambda x: torch.min(x, torch.tensor(0.5)), 4),
    "threshold above zero": (lambda x: F.threshold(x, 0.3, 0.3), 4),
    "movedim": (lambda x: torch.relu(x.movedim(1, -1)).movedim(-1, 1), 4),
    "swapdims": (lambda x: torch.relu(x.swapdims(1, 2).swapdims(1, 2)), 4),
    "view_as": (lambda x: torch.relu(x).flatten(2).view_as(x), 4),
    "hstack": (lambda x: torch.hstack([torch.relu(x), x.relu()[:, :2]]), 6),
    "names as in NumPy": (lambda x: torch.concat((torch.relu(x), torch.relu(-x)), axis=1), 8),
    "tensor_split": (lambda x: torch.tensor_split(torch.relu(x), 3, dim=1)[0], 2),
    "values of maxima": (lambda x: torch.relu(x).data.max(dim=3).values.max(dim=2, keepdim=True).values[..., None], 4),
    "linear layer of every pixel": (lambda x: F.linear(torch.relu(x).permute(0, 2, 3, 1), MATRIX[:4]).permute(0, 3, 1, 2), 4),
    "product with a matrix": (lambda x: (torch.relu(x).permute(0, 2, 3, 1) @ MATRIX.T).permute(0, 3, 1, 2), 6),
    "clamp_min": (lambda x: x.clamp_min(0), 4),
    "clamp below zero behind a rectifier": (lambda x: torch.clamp(torch.relu(x), min=-1, max=0.5), 4),
    "maximum with zero": (lambda x: torch.maximum(x, torch.zeros(1)), 4),
    "squeeze and unsqueeze": (lambda x: F.adaptive_avg_pool2d(torch.relu(x), 1).squeeze(-1)[..., None], 4),
    "permute there and back": (lambda x: torch.relu(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), 4),
    "pixels as one axis, mean": (lambda x: torch.relu(x).flatten(2).mean(-1, keepdim=True)[..., None], 4),
    "pixels as one axis and back": (lambda x: torch.relu(x).view(-1, 4, 49).view(-1, 4, 7, 7), 4),
    "maxima of rows, then of columns": (lambda x: torch.relu(x).max(-1)[0].max(2, keepdim=True)[0][..., None], 4),
    "one group of channels": (lambda x: torch.relu(x).unflatten(1, (2, 2))[:, 1], 2),
    "channels of zeros": (lambda x: F.pad(torch.relu(x)[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2)), 8),
    "one channel expanded": (lambda x: torch.relu(x)[:, :1].expand(-1, 3, -1, -1), 3),
    "channels repeated": (lambda x: torch.relu(x).repeat(1, 2, 1, 1), 8),
    "channels interleaved": (lambda x: torch.relu(x).repeat_interleave(2, dim=1), 8),
    "the larger of two values": (lambda x: torch.max(x, torch.relu(-x)), 4),
    "maximum of halves": (lambda x: torch.maximum(x[:, :2], x[:, 2:]), 2),
    "minimum": (lambda x: torch.minimum(torch.relu(x), torch.tensor(1.0)), 4),
    "clamp_max": (lambda x: torch.relu(x).clamp_max(1.5), 4),
    "abs": (lambda x: x.abs(), 4),
    "rrelu": (lambda x: F.rrelu(x, 0.1, 0.3), 4),
    "threshold": (lambda x: F.threshold(x, 0, 0), 4),
    "fmax": (lambda x: torch.fmin(torch.fmax(x, torch.tensor(0.0)), torch.tensor(1.5)), 4),
    "where as a method": (lambda x: x.where(x > 0, torch.tensor(0.0)), 4),
    "an ATen operation": (lambda x: torch.ops.aten.relu.default(torch.ops.aten.neg(x)), 4),
    "arguments by name": (lambda x: torch.add(input=torch.relu(x), other=torch.relu(input=-x), alpha=-1), 4),
    "finite numbers": (lambda x: torch.positive(torch.nan_to_num(x, nan=0.0, posinf=9.0)).relu(), 4),
    "hardsigmoid": (lambda x: F.hardsigmoid(x), 4),
    "a batch norm behind a pool": (lambda x: F.batch_norm(
        F.avg_pool2d(torch.relu(x), 2), torch.tensor([0.1, 0.2, 0.0, 0.3]), torch.ones(4), eps=0.1), 4),
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_a_call(call):
    between, channels = CALLS[call]
    network = Net(between, channels=channels).eval()
    compare(network, from_module(network, SHAPE, RAW))


# With a batch of any size, the sizes of an exported program are nodes; with a batch of 2 they are numbers.
ANY_BATCH = ["cat", "chunk", "shuffle", "every second row", "one channel", "max_pool2d with padding", "adaptive_avg_pool2d",
             "leaky_relu", "pad", "rsub", "add with alpha", "channels by index", "pixels as one axis, mean",
             "maxima of rows, then of columns", "one group of channels", "channels of zeros", "one channel expanded",
             "channels repeated", "minimum", "abs", "rrelu", "the larger of two values", "threshold"]  # fmt: skip
BATCH_OF_TWO = [
    "shuffle",
    "pixels as one axis, mean",
    "one group of channels",
    "one channel expanded",
    "channels repeated",
]


@pytest.mark.parametrize(
    ("call", "batch"), [(call, "any") for call in ANY_BATCH] + [(call, 2) for call in BATCH_OF_TWO]
)
def test_a_call_of_an_exported_program(call, batch):
    between, channels = CALLS[call]
    network = Net(between, channels=channels).eval()
    dynamic = ({0: torch.export.Dim("batch")},) if batch == "any" else None
    program = torch.export.export(network, (torch.zeros(2, *SHAPE),), dynamic_shapes=dynamic)
    compare(network, from_program(program, RAW))


def test_calls_of_a_decomposed_program():
    """Core ATen operations, with `clone` for a change of the memory's layout."""

    def calls(x):
        for call in ("permute there and back", "channels repeated", "clamp_max", "adaptive_avg_pool2d"):
            x = CALLS[call][0](x).permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
        return x

    network = Net(calls, channels=8).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch calls a function of its own that it deprecates
        program = torch.export.export(network, (torch.zeros(2, *SHAPE),)).run_decompositions()
    compare(network, from_program(program, RAW))


LAYERS = [
    (nn.Conv2d(4, 4, 3, padding=2, dilation=2), 4),
    (nn.Conv2d(4, 6, (3, 2), stride=2, padding=(1, 0), dilation=(1, 2), groups=2), 6),
    (nn.Conv2d(4, 4, 3, padding="same", dilation=2), 4),
    (nn.ConvTranspose2d(4, 3, 3, padding=1), 3),
    (nn.Sequential(nn.AvgPool2d(3), nn.ConvTranspose2d(4, 4, 3, stride=2, output_padding=1, groups=2)), 4),
    (nn.MaxPool2d(3, 2, 1), 4),
    (nn.MaxPool2d(2, 2, dilation=2, ceil_mode=True), 4),
    (nn.AdaptiveMaxPool2d(7), 4),
    (nn.AdaptiveAvgPool2d((None, 2)), 4),
    (nn.AdaptiveAvgPool2d(10), 4),
    (nn.Sequential(nn.Conv2d(4, 4, 1), nn.PReLU(4)), 4),
    (nn.Sequential(nn.Conv2d(4, 4, 1), nn.LeakyReLU(0.1)), 4),
    (nn.Sequential(nn.Conv2d(4, 4, 1), nn.Threshold(0, 0)), 4),
    (nn.Sequential(nn.ZeroPad2d((1, 2, 0, 1)), nn.Conv2d(4, 4, 3)), 4),
    (nn.Sequential(nn.ZeroPad2d(1), nn.MaxPool2d(2)), 4),
    (nn.ChannelShuffle(2), 4),
    (nn.Sequential(nn.BatchNorm2d(4).eval(), nn.ReLU()), 4),
    (nn.Sequential(nn.SyncBatchNorm(4).eval(), nn.ReLU()), 4),
    (nn.Sequential(nn.Conv2d(4, 4, 1), nn.RReLU()), 4),
    (nn.Sequential(nn.Conv2d(4, 4, 1), nn.Hardtanh()), 4),
    (nn.Sequential(nn.Conv2d(4, 4, 1), nn.Hardsigmoid()), 4),
    (nn.PixelShuffle(2), 1),
    (nn.Sequential(nn.ZeroPad2d((0, 1, 1, 0)), nn.PixelUnshuffle(2)), 16),
    (nn.Sequential(nn.Conv2d(4, 8, 1), nn.PixelShuffle(2)), 2),
    (nn.Upsample(scale_factor=2), 4),
    (nn.Upsample(size=(5, 11), mode="nearest"), 4),
    (nn.Sequential(nn.AvgPool2d(2), nn.Upsample(scale_factor=(2, 3), mode="bilinear")), 4),
    (nn.UpsamplingBilinear2d(size=9), 4),
    (nn.Conv2d(4, 4, 3, padding=(2, 1), padding_mode="reflect"), 4),
    (nn.Conv2d(4, 4, 3, padding="same", padding_mode="replicate", dilation=2), 4),
    (nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular", stride=2), 4),
    (nn.ReflectionPad2d((1, 2, 0, 3)), 4),
    (nn.Sequential(nn.ReplicationPad2d(1), nn.AvgPool2d(2)), 4),
    (nn.CircularPad2d((1, 0, 2, 0)), 4),
    (nn.Sequential(nn.InstanceNorm2d(4, affine=True, track_running_stats=True).eval(), nn.ReLU()), 4),
]


@pytest.mark.parametrize(("layer", "channels"), LAYERS, ids=[str(layer) for layer, _ in LAYERS])
def test_a_module(layer, channels):
    torch.manual_seed(2)
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.4)
    network = Net(None, layer, channels).eval()
    compare(network, from_module(network, SHAPE, RAW))


class Last(nn.Module):
    def forward(self, x):
        return x[:, :, -1]


LINES = {
    "Upsample": nn.Sequential(nn.Conv1d(3, 4, 3), nn.ReLU(), nn.Upsample(scale_factor=2, mode="linear"),
                              nn.ReplicationPad1d((1, 2)), nn.Conv1d(4, 4, 3, padding=2, padding_mode="reflect"), nn.ReLU(),
                              nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(4, 5)),
    "Conv1d": nn.Sequential(nn.Conv1d(3, 4, 3, stride=2), nn.ReLU(), nn.Conv1d(4, 4, 3, padding=2, dilation=2), nn.ReLU(),
                            nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(4, 5)),
    "MaxPool1d": nn.Sequential(nn.Conv1d(3, 4, 3), nn.BatchNorm1d(4), nn.ReLU(), nn.MaxPool1d(3, 2, 1), nn.AvgPool1d(2),
                               nn.Flatten(), nn.Linear(12, 5)),
    "ConvTranspose1d": nn.Sequential(nn.Conv1d(3, 4, 3, 2), nn.ReLU(), nn.ConvTranspose1d(4, 4, 3, 2), nn.ReLU(),
                                     nn.Flatten(), nn.Linear(52, 5)),
    "an image without channels": nn.Sequential(nn.Unflatten(1, (1, 3)), nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(),
                                               nn.Linear(48, 5)),
    "a pixel of a line": nn.Sequential(nn.Conv1d(3, 4, 3), nn.ReLU(), Last(), nn.Linear(4, 5)),
    "features of a line": nn.Sequential(nn.Flatten(), nn.Linear(42, 8), nn.ReLU(), nn.Linear(8, 5)),
}  # fmt: skip


@pytest.mark.parametrize("form", LINES)
def test_a_network_of_lines(form):
    torch.manual_seed(3)
    network = LINES[form].eval()
    images = pixels((3, 14)) / np.float32(50)
    if form == "an image without channels":
        network = LINES[form].eval()
    images = np.rint(images)
    compare(network, from_module(network, (3, 14), RAW), images=images)
    compare(network, from_program(torch.export.export(network, (torch.zeros(2, 3, 14),)), RAW), images=images)


class ChannelsLast(nn.Module):
    """A network that takes images (N, H, W, C), as those of Keras and JAX."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(5)
        self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4, 5)

    def forward(self, x):
        return self.fc(torch.relu(self.conv(x.permute(0, 3, 1, 2))).mean((2, 3)))


def test_images_with_channels_last():
    network, images = ChannelsLast().eval(), pixels((3, 9, 8))
    with torch.no_grad():
        expected = network(torch.from_numpy(images).permute(0, 2, 3, 1)).numpy()
    program = torch.export.export(network, (torch.zeros(2, 9, 8, 3),), dynamic_shapes=({0: torch.export.Dim("batch")},))
    for source in (from_module(network, (9, 8, 3), RAW), from_program(program, RAW)):
        assert source.shape == (3, 9, 8)
        assert np.abs(logits(source, images) - expected).max() <= 1e-4 * np.abs(expected).max()
        assert check_graph(source, None) < 1e-3 * np.abs(expected).max()


@pytest.mark.parametrize("axis", [1, 2])
def test_features_as_a_line(axis):
    """A network of signals (N, L) adds the axis of its one channel."""

    class Signals(nn.Sequential):
        def forward(self, x):
            return super().forward(x.unsqueeze(axis) if axis == 1 else x.unsqueeze(axis).transpose(1, 2))

    torch.manual_seed(6)
    network = Signals(nn.Conv1d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(4, 5)).eval()
    source = from_module(network, (14,), RAW)
    assert source.shape == (1, 1, 14)
    compare(network, source, shape=(14,))


class ClassesLast(nn.Module):
    def forward(self, x):
        return x.permute(0, 2, 1)


def test_classes_that_are_last():
    """The outputs of the tutorial of torchaudio, (N, 1, K)."""
    torch.manual_seed(3)
    pool = [nn.Conv1d(3, 4, 3), nn.ReLU(), nn.AvgPool1d(12)]
    network = nn.Sequential(*pool, ClassesLast(), nn.Linear(4, 5), nn.LogSoftmax(dim=2)).eval()
    program = torch.export.export(network, (torch.zeros(2, 3, 14),))
    for source in (from_module(network, (3, 14), RAW), from_program(program, RAW)):
        assert source.ending == "log_softmax"
        assert check_graph(source, None) < 1e-3
        with torch.no_grad():
            expected = network[:-1](torch.from_numpy(pixels((3, 14)))).numpy()[:, 0]
        assert np.allclose(logits(source, pixels((3, 14))[:, :, None]), expected, rtol=1e-4, atol=1e-3)


class Branching(nn.Module):
    """What torch.fx cannot trace: a condition on a size, and a loop over one."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4, 5)

    def forward(self, x):
        if x.shape[-1] > 4:
            x = torch.relu(self.conv(x))
        for _ in range(x.shape[2] // 4):
            x = F.avg_pool2d(x, 2)
        return self.fc(x.mean((2, 3)))


def test_a_network_that_fx_cannot_trace_is_read_by_torch_export():
    network = Branching().eval()
    source = from_module(network, SHAPE, RAW)
    assert source.kind == "torch module"
    compare(network, source)


class Deciding(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


def test_a_network_that_neither_can_trace_is_refused():
    with pytest.raises(ConversionError, match=r"Deciding\.forward: cannot be traced .*; it may not branch on values"):
        from_module(Deciding(), SHAPE)


@pytest.mark.parametrize("drop", [F.dropout, F.dropout2d, lambda x: torch.dropout(x, 0.5, True)])
def test_a_dropout_that_evaluation_does_not_switch_off(drop):
    with pytest.raises(ConversionError, match=r"dropout.*drops values at random .* give it training=self\.training"):
        from_module(Net(drop).eval(), SHAPE, RAW)


def test_weights_that_are_shared_by_two_calls():
    """A module without a state is a layer of its own at every call."""
    shared = nn.Conv2d(4, 4, 3, padding=1)
    network = Net(lambda x: torch.relu(shared(torch.relu(shared(torch.relu(x)))))).eval()
    network.shared = shared
    compare(network, from_module(network, SHAPE, RAW))


def test_a_parameter_in_forward():
    network = Net(None).eval()
    network.between = lambda x: torch.relu(x * network.scale + 0.1)
    compare(network, from_module(network, SHAPE, RAW))


REPARAMETRISED = {
    "weight_norm": nn.utils.parametrizations.weight_norm,
    "spectral_norm": nn.utils.parametrizations.spectral_norm,
    "orthogonal": nn.utils.parametrizations.orthogonal,
    "spectral_norm by a hook": nn.utils.spectral_norm,
}


@pytest.mark.parametrize("form", REPARAMETRISED)
def test_weights_that_are_computed_from_other_parameters(form):
    """As torch computes them at every call: those of hooks are absent or stale before the first one."""
    torch.manual_seed(4)
    network = Net(None, REPARAMETRISED[form](nn.Conv2d(4, 4, 3)), 4).eval()
    compare(network, from_module(network, SHAPE, RAW))


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16])
def test_a_network_of_another_precision_is_read_in_float32(kind):
    network = Net(torch.relu).eval().to(kind)
    source = from_module(network, SHAPE, RAW)
    assert check_graph(source, None) < 1e-3
    assert next(network.parameters()).dtype == kind, "the network of the user is not changed"
    expected = Net(torch.relu).eval().to(kind).float()
    compare(expected, source)


@pytest.mark.parametrize("tracked", [True, False])
def test_an_exported_instance_norm(tracked):
    """With running statistics it is a batch norm; without, it normalises by the input."""
    network = Net(None, nn.InstanceNorm2d(4, affine=True, track_running_stats=tracked), 4).eval()
    program = torch.export.export(network, (torch.zeros(2, *SHAPE),))
    if tracked:
        compare(network, from_program(program, RAW))
        return
    with pytest.raises(ConversionError, match="instance_norm.*use batch norm"):
        from_program(program, RAW)


@pytest.mark.parametrize(
    "prepare",
    [
        lambda layer: prune.l1_unstructured(layer, "weight", 0.5),
        lambda layer: prune.random_unstructured(layer, "bias", 0.5),
        nn.utils.spectral_norm,
    ],
)
def test_weights_that_torch_computes_before_every_call(prepare):
    """The layer has the weights of the state dict, not those of its last call."""
    network = Net(torch.relu).eval()
    prepare(network.last)
    network.load_state_dict({name: value * 1.5 for name, value in network.state_dict().items()})
    compare(network, from_module(network, SHAPE, RAW))


class Resized(nn.Module):
    """A transposed convolution whose call states the size of its output."""

    def __init__(self, size):
        super().__init__()
        torch.manual_seed(2)
        self.down, self.up, self.size = nn.Conv2d(4, 4, 3, stride=2), nn.ConvTranspose2d(4, 4, 3, stride=2), size

    def forward(self, x):
        x = F.pad(x, (0, 1, 0, 0))
        return self.up(torch.relu(self.down(x)), output_size=self.size(x))


@pytest.mark.parametrize("size", [lambda x: x.size(), lambda x: x.shape[-2:], lambda x: [7, 8]])
def test_the_size_of_a_transposed_convolution_as_an_argument(size):
    network = Net(None, Resized(size)).eval()
    compare(network, from_module(network, SHAPE, RAW))


def test_a_size_that_no_transposed_convolution_has():
    with pytest.raises(
        ConversionError, match=r"layer.up \(ConvTranspose2d\): output_size is \[7, 9\]; expected 7 to 8 × 7 to 8"
    ):
        from_module(Net(None, Resized(lambda x: [7, 9])).eval(), SHAPE, RAW)
