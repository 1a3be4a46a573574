"""Max pools of torch, by the option that they use."""

from torch import nn

MAX_POOLS = {
    "plain": nn.MaxPool2d(2),
    "overlapping": nn.MaxPool2d(3, 1),
    "padded": nn.MaxPool2d(3, 2, 1),
    "ceil_mode": nn.MaxPool2d(2, 3, ceil_mode=True),
    "dilated": nn.MaxPool2d((2, 3), 1, (0, 1), dilation=(3, 2)),
}
