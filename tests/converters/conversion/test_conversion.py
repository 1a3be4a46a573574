"""Conversion of checkpoints to bundles, and checkpoint files."""

import numpy as np
import pytest
import torch

from converters_support import counts, trained_like
from spikelet.bundle import read, write
from spikelet.data import ImageSet
from spikelet.errors import ConversionError
from spikelet.verify import verify
from spikelet_converters.conversion.checkpoint import convert
from spikelet_converters.source_model.activation import Mode
from spikelet_converters.source_model.networks import NetworkSpec
from spikelet_converters.source_model.simulation import layer_rates
from spikelet_converters.training.checkpoint import Checkpoint, load_checkpoint

pytestmark = pytest.mark.usefixtures("nothing_compiled")


@pytest.fixture(scope="module")
def checkpoint():
    spec, network, _ = trained_like("vgg9")
    return Checkpoint(spec, network.state_dict(), {"data": "random", "seed": 0})


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return ImageSet(rng.integers(0, 256, (30, 3, 8, 8)).astype(np.uint8), rng.integers(0, 5, 30), None, "random")


class TestConvert:
    def test_the_whole_way(self, checkpoint, images, tmp_path):
        bundle = convert(checkpoint, "small", data=[images], command="spikelet convert x")
        write(bundle, tmp_path / "a.snnb")
        stored = read(tmp_path / "a.snnb")
        assert all(verify(stored, engine).ok for engine in ("numpy", "onnx"))
        result = stored.manifest.results[0]
        assert result["images"] == 30
        assert result["digest"] == images.digest
        assert len(result["accuracy"]) == len(result["accuracy_before_quantisation"]) == 8
        assert 0 <= result["float_accuracy"] <= 1
        layers = stored.manifest.conversion["layers"]
        assert [entry["layer"] for entry in layers] == list(stored.graph.spiking)
        first = layers[0]["by_step"]
        assert [entry["steps"] for entry in first] == [1, 2, 4, 8]
        # T = L and constant input: the first layer is right but for what quantising its weights moved
        assert first[2]["over_firing"] + first[2]["under_firing"] < 0.03
        assert first[2]["correlation"] > 0.98
        assert "| if1 |" in stored.card

    def test_the_same_checkpoint_gives_the_same_bytes(self, checkpoint, images, tmp_path):
        for name in ("a", "b"):
            write(convert(checkpoint, "small", data=[images]), tmp_path / f"{name}.snnb")
        assert (tmp_path / "a.snnb").read_bytes() == (tmp_path / "b.snnb").read_bytes()

    def test_float32(self, checkpoint, images, tmp_path):
        bundle = convert(checkpoint, "small", float32=True, data=[images])
        write(bundle, tmp_path / "a.snnb")
        stored = read(tmp_path / "a.snnb")
        assert stored.manifest.exact_steps is None
        assert stored.manifest.results[0]["accuracy"] == stored.manifest.results[0]["accuracy_before_quantisation"]

    def test_without_images_nothing_is_claimed(self, checkpoint):
        bundle = convert(checkpoint, "small")
        assert bundle.manifest.results == []
        assert "by_step" not in bundle.manifest.conversion["layers"][0]
        assert bundle.manifest.conversion["layers"][0]["weight_error"] > 0

    def test_the_report_counts_the_spikes_of_the_engine(self, checkpoint, images):
        """Over- and under-firing of one layer, counted separately."""
        bundle = convert(checkpoint, "small", data=[images])
        network = checkpoint.network()
        pixels = torch.from_numpy(images.images).float()
        a = layer_rates(network, pixels, Mode.RATE, 1)["if3"] / network.get_submodule("if3").lam
        n = counts(bundle.graph, pixels, 2)["if3"]
        excess = n - 2 * a.detach().numpy()
        entry = bundle.manifest.conversion["layers"][2]["by_step"][1]
        assert entry["over_firing"] == pytest.approx((excess > 0.5).mean(), abs=1e-6)
        assert entry["under_firing"] == pytest.approx((excess < -0.5).mean(), abs=1e-6)
        assert entry["spike_rate"] == pytest.approx(n.mean() / 2)
        assert entry["correlation"] == pytest.approx(np.corrcoef(a.detach().numpy().ravel(), n.ravel())[0, 1], abs=1e-4)


class TestCheckpoint:
    def test_round_trip(self, tmp_path):
        spec, network, pixels = trained_like("vgg9")
        Checkpoint(spec, network.state_dict(), {"seed": 1}).save(tmp_path / "a.pt")
        loaded = load_checkpoint(tmp_path / "a.pt")
        assert loaded.spec == spec
        assert loaded.provenance == {"seed": 1}
        assert torch.equal(loaded.network()(pixels), network(pixels))

    def test_files_that_are_no_checkpoints_are_refused(self, tmp_path):
        with pytest.raises(ConversionError, match="no such checkpoint file"):
            load_checkpoint(tmp_path / "a.pt")
        (tmp_path / "a.pt").write_bytes(b"junk")
        with pytest.raises(ConversionError, match="not a file that torch can read safely|not a complete torch file"):
            load_checkpoint(tmp_path / "a.pt")
        torch.save({"weights": 1}, tmp_path / "a.pt")
        with pytest.raises(ConversionError, match="not a spikelet checkpoint, which is the file `best.pt`"):
            load_checkpoint(tmp_path / "a.pt")
        torch.save({"spikelet_checkpoint": 9}, tmp_path / "a.pt")
        with pytest.raises(ConversionError, match="checkpoint format 9, this version reads format 1"):
            load_checkpoint(tmp_path / "a.pt")
        torch.save({"spikelet_checkpoint": 1, "spec": {"model": 1}}, tmp_path / "a.pt")
        with pytest.raises(ConversionError, match="damaged checkpoint"):
            load_checkpoint(tmp_path / "a.pt")

    @pytest.mark.parametrize("key", ["spec", "weights", "provenance", "training", "behaviour"])
    @pytest.mark.parametrize("value", [None, 3, "text", [[]], [3]])
    def test_parts_of_another_type_are_refused(self, key, value, tmp_path):
        self.refused(key, value, tmp_path)

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("weights", {"a": 3}),
            ("weights", {3: torch.zeros(1)}),
            ("provenance", {"start": 3}),
            ("provenance", {"recipe": None}),
            ("provenance", {"start": {"recipe": "text"}}),
            ("behaviour", {"calls": []}),
            ("behaviour", {"calls": [3], "values": []}),
            ("behaviour", {"calls": [], "values": [3]}),
            ("spikelet_checkpoint", torch.ones(2)),
        ],
    )
    def test_parts_of_parts_of_another_type_are_refused(self, key, value, tmp_path):
        self.refused(key, value, tmp_path)

    def refused(self, key, value, folder):
        spec = NetworkSpec("vgg9", (3, 32, 32), 5, (1, 2, 3), (1.0, 1.0, 1.0)).as_dict()
        parts = {"spec": spec, "weights": {}, "provenance": {}, "training": {}}
        torch.save({"spikelet_checkpoint": 1, **parts, key: value}, folder / "a.pt")
        with pytest.raises(ConversionError, match=r"a\.pt: (damaged checkpoint \(|checkpoint format an object)"):
            load_checkpoint(folder / "a.pt")

    def test_a_pickle_with_a_call_is_not_executed(self, tmp_path):
        class Evil:
            def __reduce__(self):
                import os

                return os.mkdir, (str(tmp_path / "called"),)

        torch.save(Evil(), tmp_path / "a.pt")
        with pytest.raises(ConversionError, match="not a spikelet checkpoint"):
            load_checkpoint(tmp_path / "a.pt")
        assert not (tmp_path / "called").exists()
