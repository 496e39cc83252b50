"""What the study on a borrowed GPU brings home: every finished step, and embeddings that fit."""

import importlib.util
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

FILE = Path(__file__).parents[2] / "measurements" / "gpu_study.py"
spec = importlib.util.spec_from_file_location("gpu_study", FILE)
gpu_study = importlib.util.module_from_spec(spec)
spec.loader.exec_module(gpu_study)


@pytest.mark.parametrize(("of_all", "expected"), [(1 << 30, 7), (50_000, 4)])
def test_all_steps_and_the_oldest_embeddings_within_the_limits(
    tmp_path, monkeypatch, of_all, expected
):
    monkeypatch.setattr(gpu_study, "OF_A_FILE", 30_000)
    monkeypatch.setattr(gpu_study, "OF_ALL", of_all)
    work, out = tmp_path / "work", tmp_path / "out"
    (work / "steps").mkdir(parents=True)
    out.mkdir()
    for number in range(7):
        (work / "steps" / f"m{number}.classes.json").write_text(f'{{"key": "{number}"}}')
        folder = work / "results" / f"m{number}" / "images"
        folder.mkdir(parents=True)
        np.save(folder / "embeddings.npy", np.full((40, 128), number, np.float32))
    gpu_study.save(work, out)
    with tarfile.open(out / gpu_study.STEPS) as steps:
        assert len(steps.getnames()) == 7
    brought = {}
    for path in out.glob("embeddings-*.tar"):
        assert path.stat().st_size <= 30_000 + 10_240
        with tarfile.open(path) as archive:
            for member in archive:
                brought[member.name] = np.load(io.BytesIO(archive.extractfile(member).read()))
    assert len(brought) == expected
    assert all(array.dtype == np.float16 for array in brought.values())
    assert (brought["m3-images.npy"] == 3).all()
