"""Threads share a single image: every spike, potential and count is that of one thread."""

import os
import re
import subprocess
import warnings
from importlib import resources
from types import SimpleNamespace

import numpy as np
import pytest

from networks import Builder, small_graph
from spikelet.engines import create
from spikelet.engines.native.workers import Workers
from spikelet.lowering.c import HostProgram
from spikelet.lowering.c.text.declarations import NODES
from spikelet.metrics.fanout import sites
from spikelet.metrics.tally import costs
from spikelet.nodes import Add, Flatten, Scale, SumPool2d

STEPS = 3
posix = pytest.mark.skipif(os.name != "posix", reason="threads of the library are those of POSIX")


@pytest.fixture(autouse=True)
def cores(monkeypatch):
    """Use the requested number of threads, also on machines with fewer cores."""
    monkeypatch.setattr("spikelet.engines.native.workers._cores", lambda: 64)


def branched():
    """Return a network whose layers are split by rows or blocks of outputs, with dense and sparse sums, and copies."""
    net = Builder((3, 7, 6), np.random.default_rng(3))
    net.conv("conv1", 16)
    root = net.neuron("if1", scale=9000, copies=3, start="rounded")
    net.conv("counted", 32)
    net.neuron("if2", scale=300, copies=4, start="even")
    branch = net.conv("conv2", 16)
    scaled = net.add("scaled", Scale(np.full(16, -2, np.int8)))
    shortcut = net.add("shortcut", Scale(np.full(16, 3, np.int8)), (root,))
    net.here = root
    listed = net.conv("listed", 16, groups=2)  # needs the lists of a layer that stores counts
    net.add("sum", Add(), (branch, shortcut, scaled, listed))
    net.neuron("if3", leaky=True, scale=400)
    net.add("pool", SumPool2d((2, 2), (2, 2)))
    net.conv("conv3", 160)
    net.neuron("if4", scale=200)
    net.conv("wide", 256)  # weights that are prefetched, in two blocks of outputs
    net.neuron("if5", scale=3000)
    net.add("flatten", Flatten())
    net.linear("fc", 256)
    net.neuron("if6", scale=2000)
    return net.graph()


@pytest.fixture(scope="module")
def graph():
    graph = branched()
    source = HostProgram(graph).source()
    assert ".prefetch = 1" in source
    assert "list_counts(&n" in source
    assert "add_dense(" in source
    return graph


def test_the_state_is_read_by_threads_that_have_taken_a_part(graph):
    """A thread that is late runs a call that has ended, whose state may be freed. Fields are arrays: `s->x` is an address."""
    lines = HostProgram(graph).source().partition(NODES)[2].splitlines()
    assert any("s->fresh," in line for line in lines)
    reads = [line for line in lines if re.search(r"(?<!&)(?<!sizeof )s->\w+\[|\*s->", line)]
    taken = "    s->fresh[0] = 2;", "memset(s->fired, 0, sizeof s->fired), s->fresh[0] >>= 1;"
    assert all(any(text in line for text in taken) for line in reads), reads


def trace(graph, threads, window=None, record=(), seed=0):
    """Return logits and spikes of all layers, and recorded values, or operations and counts if nothing is recorded."""
    engine = create(graph, "native", record, threads)
    if not record:
        engine.count_spikes(costs(graph, sites(graph)))
    image = np.random.default_rng(seed).integers(0, 256, (1, *graph.input.shape)).astype(np.float32)
    values = []
    for _ in range(2):
        engine.reset(1, window)
        for t in range(STEPS):
            values.append(engine.step(image if t == 0 else None))
            values += [counts.copy() for counts in engine.spike_counts().values()]
            if not record:
                values.append(engine.events().copy())
            for layer in record:
                values += [engine.spikes(layer), engine.potentials(layer)]
    return values if record else [*values, *engine.counted().values()]


@pytest.mark.parametrize("threads", [2, 3, 8, 30])
@pytest.mark.parametrize("window", [None, STEPS])
def test_threads_share_an_image(graph, threads, window):
    record = () if window else graph.spiking
    expected, actual = (trace(graph, count, window, record) for count in (1, threads))
    assert all(np.array_equal(a, b) for a, b in zip(expected, actual, strict=True))
    assert all(value.any() for value in expected[1 : 1 + len(graph.spiking)]), "layers without spikes test nothing"


def test_one_thread_equals_the_reference(graph):
    image = np.random.default_rng(0).integers(0, 256, (1, *graph.input.shape)).astype(np.float32)
    logits = []
    for engine in (create(graph, "numpy"), create(graph, "native", threads=2)):
        engine.reset(1)
        logits.append([engine.step(image if t == 0 else None) for t in range(STEPS)])
    assert np.array_equal(*logits)


@posix
@pytest.mark.parametrize("spins", [0, 10])
def test_threads_that_sleep_are_woken(graph, monkeypatch, spins):
    monkeypatch.setattr("spikelet.engines.native.workers.SPINS", spins)
    expected, actual = (trace(graph, count) for count in (1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(expected, actual, strict=True))


@posix
def test_a_forked_process_works_alone():
    engine = create(small_graph(), "native", threads=2)
    image = np.full((1, *engine.graph.input.shape), 99, np.float32)
    engine.reset(1)
    expected = engine.step(image)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forks of processes with threads
        child = os.fork()
    if child == 0:
        engine.reset(1)
        os._exit(0 if np.array_equal(engine.step(image), expected) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_library_without_threads_works_alone():
    assert Workers(object(), 2).address is None


@posix
def test_the_threads_end_with_the_engine():
    before = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else pytest.skip("needs /proc")
    engine = create(small_graph(), "native", threads=3)
    engine.reset(1)
    engine.step(np.zeros((1, *engine.graph.input.shape), np.float32))
    assert len(os.listdir("/proc/self/task")) == before + 2
    del engine
    assert len(os.listdir("/proc/self/task")) == before


def test_there_are_no_more_threads_than_cores(monkeypatch):
    started = []
    library = SimpleNamespace(spikelet_start_workers=lambda threads, spins: started.append(threads))
    for cores in (1, 2, 3, 8):
        monkeypatch.setattr("spikelet.engines.native.workers._cores", lambda cores=cores: cores)
        Workers(library, 4)
    assert started == [2, 3, 4]


TEAM = """
#include "host/program/share.h"
#include <stdio.h>

enum { THREADS_OF_TEAM = 4, PARTS = 7, ROUNDS = 500 };
static struct team team = {
    .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .parts = PARTS, .threads = THREADS_OF_TEAM};
static int finished[PARTS]; /* rounds, written by the thread that has the part and read by the others once all have ended */

static void *run(void *argument)
{
    const int thread = (int)(intptr_t)argument;
    struct share share = {-1, PARTS, thread, THREADS_OF_TEAM, NULL, &team, 0};
    void *wrong = NULL;
    for (int round = 1; round <= ROUNDS; round++) {
        while (take_part(&share))
            if (++finished[part_of(&share)] != round)
                wrong = &team;
        wait_for_all(&share);
        while (take_part(&share))
            for (int i = 0; i < PARTS; i++)
                if (finished[i] != round)
                    wrong = &team;
        wait_for_all(&share);
    }
    return wrong;
}

/* usage: team SPINS THREADS, the number of threads that come */
int main(int argc, char **argv)
{
    pthread_t threads[THREADS_OF_TEAM];
    const int coming = argc == 3 ? atoi(argv[2]) : 0;
    team.spins = coming ? atoi(argv[1]) : 0;
    void *wrong = NULL, *result;
    for (intptr_t i = 1; i < coming; i++)
        if (pthread_create(&threads[i], NULL, run, (void *)i))
            return 2;
    wrong = run(NULL);
    for (int i = 1; i < coming; i++) {
        pthread_join(threads[i], &result);
        wrong = wrong ? wrong : result;
    }
    return wrong != NULL || finished[PARTS - 1] != ROUNDS;
}
"""


@posix
def test_every_part_is_taken_once_and_no_thread_passes_a_phase_early(tmp_path):
    """The thread sanitizer reports values that are read without synchronisation.

    The program does not wait for threads of the team that do not start.
    """
    kernels = str(resources.files("spikelet.lowering.c").joinpath("kernels"))
    (tmp_path / "team.c").write_text(TEAM)
    command = ["gcc", "-std=gnu11", "-O1", "-g", "-pthread", "-DTHREADS", "-Wall", "-Wextra", "-Werror"]
    command += ["-fsanitize=thread", "-I", kernels, "team.c", "-o", "team"]
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    if built.returncode:
        pytest.skip("needs gcc with -fsanitize=thread")
    for spins, coming in ((0, 4), (50, 4), (0, 1), (50, 3)):
        command = [tmp_path / "team", str(spins), str(coming)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
        assert (done.returncode, done.stderr) == (0, "")
