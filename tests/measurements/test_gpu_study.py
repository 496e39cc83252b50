"""What the study on a borrowed GPU brings home: finished steps and what models are compared by."""

import importlib.util
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "measurements"
FINGERPRINT = "00ab"


@pytest.fixture(scope="module")
def gpu_study():
    spec = importlib.util.spec_from_file_location("gpu_study", FOLDER / "gpu_study.py")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(FOLDER))
    spec.loader.exec_module(module)
    sys.path.remove(str(FOLDER))
    return module


@pytest.fixture
def work(tmp_path):
    """The folder of a study with three models."""
    rng = np.random.default_rng(0)
    (tmp_path / "work" / "steps").mkdir(parents=True)
    for number in range(3):
        folder = tmp_path / "work" / "results" / f"m{number}" / FINGERPRINT
        folder.mkdir(parents=True)
        np.savez(folder / "maps.npz", maps=rng.random((4, 32, 32)).astype(np.float16))
        np.save(folder / "embeddings.npy", rng.normal(size=(40, 8)).astype(np.float32))
        digest = sha256((folder / "maps.npz").read_bytes()).hexdigest()
        step = tmp_path / "work" / "steps" / f"m{number}.saliency.json"
        step.write_text(f'{{"maps_sha256": "{digest}"}}')
    return tmp_path / "work"


def test_a_second_call_goes_on_with_steps_maps_and_embeddings(gpu_study, work, tmp_path):
    out, again = tmp_path / "out", tmp_path / "again"
    out.mkdir()
    assert gpu_study.save(work, tmp_path / "small", out) == []
    gpu_study.restore(out, again)
    for number in range(3):
        place = Path("results") / f"m{number}" / FINGERPRINT
        maps, before = (np.load(root / place / "maps.npz")["maps"] for root in (again, work))
        assert np.abs(maps - before).max() <= 1 / 63
        embeddings, before = (np.load(root / place / "embeddings.npy") for root in (again, work))
        assert np.abs(embeddings - before).max() <= np.abs(before).max() / 127
        # A step knows its maps by their digest, which rounding changes.
        digest = sha256((again / place / "maps.npz").read_bytes()).hexdigest()
        assert digest in (again / "steps" / f"m{number}.saliency.json").read_text()


def test_what_does_not_fit_is_named_and_the_rest_is_whole(gpu_study, work, tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    gpu_study.save(work, tmp_path / "small", out)
    sizes = [path.stat().st_size for path in out.iterdir()]
    for path in out.iterdir():
        path.unlink()
    monkeypatch.setattr(gpu_study, "OF_ALL", sum(sizes) - 1000)
    (left_out,) = gpu_study.save(work, tmp_path / "small", out)
    assert {path.name for path in out.iterdir()} == {
        gpu_study.STEPS,
        *({f"m{number}.tar.gz" for number in range(3)} - {left_out}),
    }
