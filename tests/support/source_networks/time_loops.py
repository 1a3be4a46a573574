"""Spiking networks with the loop over time in `forward`, as tutorials and users write it."""

import warnings

import torch
from torch import nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import snntorch as snn

STEPS, F = 12, 6


class Net(nn.Module):
    """Two layers of neurons; subclasses have the loops of tutorials."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.fc1, self.lif1 = nn.Linear(F, 16), snn.Leaky(beta=0.75)
        self.fc2, self.lif2 = nn.Linear(16, 4), snn.Leaky(beta=0.5)
        with torch.no_grad():
            for layer in (self.fc1, self.fc2):
                layer.weight.copy_((layer.weight * 64).round() / 16)  # sums of these are exact in float32
                layer.bias.copy_((layer.bias * 64).round() / 16)

    def states(self):
        return self.lif1.init_leaky(), self.lif2.init_leaky()

    def step(self, x, mem1, mem2):
        spk1, mem1 = self.lif1(self.fc1(x), mem1)
        spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
        return spk2, mem1, mem2


class Stacked(Net):
    def forward(self, x):
        mem1, mem2 = self.states()
        spikes, potentials = [], []
        for _ in range(STEPS):
            spk2, mem1, mem2 = self.step(x, mem1, mem2)
            spikes.append(spk2)
            potentials.append(mem2)
        return torch.stack(spikes, dim=0), torch.stack(potentials, dim=0)


class StackedSum(Net):
    def forward(self, x):
        return Stacked.forward(self, x)[0].sum(0)


class Averaged(Net):
    def forward(self, x):
        mem1, mem2 = self.states()
        total = 0
        for _ in range(STEPS):
            spk2, mem1, mem2 = self.step(x, mem1, mem2)
            total = total + spk2
        return total / STEPS


class AddedInPlace(Net):
    def forward(self, x):
        mem1, mem2 = self.states()
        total = 0.0
        for _ in range(STEPS):
            spk2, mem1, mem2 = self.step(x, mem1, mem2)
            total += spk2
        return total


class CurrentOutside(Net):
    def forward(self, x):
        mem1, mem2 = self.states()
        current, spikes = self.fc1(x), []
        for _ in range(STEPS):
            spk1, mem1 = self.lif1(current, mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            spikes.append(spk2)
        return torch.stack(spikes).mean(0)


class Sequence(Net):
    def forward(self, x):
        mem1, mem2 = self.states()
        spikes = []
        for t in range(STEPS):
            spk2, mem1, mem2 = self.step(x[t], mem1, mem2)
            spikes.append(spk2)
        return torch.stack(spikes)


class Weighted(Net):
    def forward(self, x):
        return 0.5 * Stacked.forward(self, x)[0].mean(0) / 2


class Named(Net):
    def forward(self, x):
        spikes, potentials = Stacked.forward(self, x)
        return {"spikes": spikes.sum(0), "potentials": potentials.sum(0)}


class BatchFirst(Net):
    """Input and output (N, T, …), and states of the size of the batch."""

    def forward(self, x):
        mem1, mem2 = torch.zeros(x.shape[0], 16, device=x.device), torch.zeros((x.size(0), 4))
        spikes = []
        for t in range(STEPS):
            spk2, mem1, mem2 = self.step(x[:, t], mem1, mem2)
            spikes.append(spk2)
        return torch.stack(spikes, dim=1)


class Readout(Net):
    """A layer after the mean of the spikes, which are added to zeros."""

    def __init__(self):
        super().__init__()
        self.readout = nn.Linear(4, 3)

    def forward(self, x):
        mem1, mem2 = self.states()
        total = torch.zeros(x.shape[0], 4)
        for _ in range(STEPS):
            spk2, mem1, mem2 = self.step(x, mem1, mem2)
            total = total + spk2
        return self.readout(total / STEPS)


class Assigned(Net):
    def forward(self, x):
        mem1, mem2 = self.states()
        spikes = torch.zeros(x.shape[0], STEPS, 4)
        for t in range(STEPS):
            spk2, mem1, mem2 = self.step(x, mem1, mem2)
            spikes[:, t] = spk2
        return spikes.mean(1)


class Joined(Net):
    def forward(self, x):
        mem1, mem2 = self.states()
        spikes = []
        for _ in range(STEPS):
            spk2, mem1, mem2 = self.step(x, mem1, mem2)
            spikes.append(spk2.unsqueeze(0))
        return torch.cat(spikes).sum(0)


class FirstSpikes(Net):
    def forward(self, x):
        mem1, mem2 = self.states()
        total = None
        for _ in range(STEPS):
            spk2, mem1, mem2 = self.step(x, mem1, mem2)
            total = spk2 if total is None else total + spk2
        return total


class Reversed(Net):
    def forward(self, x):
        mem1, mem2 = self.states()
        spikes = []
        for t in reversed(range(STEPS)):
            spk2, mem1, mem2 = self.step(x[t], mem1, mem2)
            spikes.append(spk2)
        return torch.stack(spikes)


class Negative(Net):
    def forward(self, x):
        return AddedInPlace.forward(self, x) / -STEPS


class OverTheBatch(Net):
    def forward(self, x):
        return AddedInPlace.forward(self, x).mean(0)


class HalfOfTheFrames(Net):
    def forward(self, x):
        mem1, mem2 = self.states()
        spikes = []
        for t in range(STEPS):
            spk2, mem1, mem2 = self.step(x[2 * t], mem1, mem2)
            spikes.append(spk2)
        return torch.stack(spikes)


class LastStepOnly(Net):
    def forward(self, x):
        mem1, mem2 = self.states()
        for _ in range(STEPS):
            spk2, mem1, mem2 = self.step(x, mem1, mem2)
        return torch.stack([spk2, spk2])


class FeedBack(Net):
    def forward(self, x):
        mem1, mem2 = self.states()
        spikes, x1 = [], self.fc1(x)
        for _ in range(STEPS):
            spk1, mem1 = self.lif1(x1, mem1)
            x1 = x1 + spk1
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            spikes.append(spk2)
        return torch.stack(spikes)


class Restarted(Net):
    def forward(self, x):
        spikes = []
        for _ in range(STEPS):
            spk2, _, _ = self.step(x, *self.states())
            spikes.append(spk2)
        return torch.stack(spikes)


class AssignedTwice(Net):
    def forward(self, x):
        mem1, mem2 = self.states()
        spikes = torch.zeros(STEPS, x.shape[0], 4)
        for t in range(STEPS):
            spk2, mem1, mem2 = self.step(x, mem1, mem2)
            spikes[t // 2] = spk2
        return spikes.sum(0)


class Softmax(Net):
    def forward(self, x):
        return torch.log_softmax(AddedInPlace.forward(self, x), 1)


class SoftmaxOfMean(Net):
    def forward(self, x):
        return torch.nn.functional.softmax(Averaged.forward(self, x), dim=-1)


class SoftmaxLayer(Net):
    def __init__(self):
        super().__init__()
        self.softmax = nn.LogSoftmax(dim=1)

    def forward(self, x):
        return self.softmax(AddedInPlace.forward(self, x))


class SoftmaxOfTheBatch(Net):
    def forward(self, x):
        return torch.softmax(AddedInPlace.forward(self, x), 0)


class Unequal(Net):
    def forward(self, x):
        mem1, mem2 = self.states()
        spk1, mem1 = self.lif1(self.fc1(x), mem1)
        spk1, mem1 = self.lif1(self.fc1(x), mem1)
        return self.lif2(self.fc2(spk1), mem2)


class Potentials(Stacked):
    def forward(self, x):
        return super().forward(x)[1]


class LargestPotential(Stacked):
    def forward(self, x):
        return super().forward(x)[1].max(0)[0]


class SizeOfTheInput(Net):
    def forward(self, x):
        mem1, mem2 = self.states()
        spikes = []
        for t in range(x.size(0)):
            spk2, mem1, mem2 = self.step(x[t], mem1, mem2)
            spikes.append(spk2)
        return torch.stack(spikes)


class Last(Net):
    def forward(self, x):
        mem1, mem2 = self.states()
        for _ in range(STEPS):
            spk2, mem1, mem2 = self.step(x, mem1, mem2)
        return spk2
