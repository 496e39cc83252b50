"""Error against work: presets, samples, bounces and ways to denoise, against many samples.

    python measurements/quality.py [SCENES] [REFERENCE_SAMPLES] [RECIPE] [FOLDER]

Renders SCENES (12) images of RECIPE (photo; 256 pixels, before the camera adds anything of its own)
with REFERENCE_SAMPLES (4096) samples and without denoising as reference, then every candidate, from
another seed; "12 + 20 samples" are 12 in the whole picture and 20 more in the box of the car.
Prints means over the scenes: FLIP (lower is better) of the whole picture, on the car (by the mask)
and off it, PSNR in dB and SSIM (higher is better), and the work of a frame in seconds of the cores,
which other work on the machine disturbs less than the clock. Between two frames of a scene nothing
moves, so that the work is that of tracing and denoising. The table is printed again after every
scene; with a FOLDER it keeps what was measured, and the same command goes on there.
"""

import io
import json
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import NamedTuple
from unittest.mock import patch

import bpy
import flip_evaluator
import numpy as np
import pyoidn
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from dmldata.common.files import write_atomic
from dmlgen.planning.draw import make_plan
from dmlgen.planning.images import PlannedImage
from dmlgen.planning.presets import PRESETS, Engine, Preset
from dmlgen.planning.recipe import load_recipe
from dmlgen.scene.picture import Photographer
from dmlgen.scene.stage import Stage


class Errors(NamedTuple):
    flip: float
    flip_on: float
    flip_off: float
    psnr: float
    ssim: float
    seconds: float


def errors(picture: np.ndarray, reference: np.ndarray, car: np.ndarray, seconds: float) -> Errors:
    """Of a picture, uint8 [H, W, 3]; `car`: where it shows the car, bool [H, W]."""
    first, second = (p.astype(np.float32) / 255 for p in (reference, picture))
    flip = np.squeeze(flip_evaluator.evaluate(first, second, "LDR", applyMagma=False)[0])
    psnr = peak_signal_noise_ratio(reference, picture)
    ssim = structural_similarity(reference, picture, channel_axis=2)
    parts = (float(flip[where].mean()) for where in (car | ~car, car, ~car))
    return Errors(*parts, float(psnr), float(ssim), seconds)


class Candidate(NamedTuple):
    """How a picture is sampled, and who takes its noise off."""

    preset: Preset
    denoising: str = "ours"
    pattern: str = "TABULATED_SOBOL"


def _candidates() -> dict[str, Candidate]:
    standard = PRESETS["standard"]
    fixed = {
        f"{samples} samples": Candidate(replace(standard, samples=samples, car_samples=0))
        for samples in (8, 12, 16, 32, 64)
    }
    around = {
        f"{samples} + {further} samples": Candidate(
            replace(standard, samples=samples, car_samples=further)
        )
        for samples, further in ((4, 12), (8, 24), (16, 16), (16, 32))
    }
    many = fixed["32 samples"].preset
    return {
        **{f"preset {name}": Candidate(preset) for name, preset in PRESETS.items()},
        **fixed,
        **around,
        "32 samples, 2 bounces": Candidate(replace(many, max_bounces=2)),
        "32 samples, blue noise": Candidate(many, pattern="BLUE_NOISE"),
        "32 samples, guides at high quality": Candidate(many, "guides high"),
        "32 samples, all at balanced quality": Candidate(many, "balanced"),
        "32 samples, Blender's denoising": Candidate(many, "blender"),
        "32 samples, not denoised": Candidate(many, "none"),
    }


class Renderer:
    """One stage, and photographers for each way to denoise.

    Attributes:
        car: where the last picture that ours denoised shows the car, bool [H, W].
    """

    car: np.ndarray

    def __init__(self) -> None:
        self.stage = Stage(Engine("standard", 256, "cpu"))
        self._scratch = Path(tempfile.mkdtemp())
        self._photographers = {"ours": Photographer(self._scratch)}
        with patch.object(pyoidn, "OIDN_QUALITY_BALANCED", pyoidn.OIDN_QUALITY_HIGH):
            self._photographers["guides high"] = Photographer(self._scratch)
        with patch.object(pyoidn, "OIDN_QUALITY_HIGH", pyoidn.OIDN_QUALITY_BALANCED):
            self._photographers["balanced"] = Photographer(self._scratch)

    def render(self, candidate: Candidate) -> np.ndarray:
        """The picture of the stage as it is set, uint8 [H, W, 3]."""
        cycles = bpy.context.scene.cycles
        cycles.sampling_pattern = candidate.pattern
        cycles.use_denoising = candidate.denoising == "blender"
        cycles.denoiser, cycles.denoising_prefilter = "OPENIMAGEDENOISE", "ACCURATE"
        self.stage.use(candidate.preset)
        if candidate.denoising in self._photographers:
            picture = self.stage.photograph(self._photographers[candidate.denoising])
            self.car = np.asarray(Image.open(io.BytesIO(picture.maps["mask.png"]))) > 0
        else:
            bpy.ops.render.render(write_still=True)
        return np.asarray(Image.open(self._scratch / "picture.png").convert("RGB"))


def main() -> None:
    scenes = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    samples = int(sys.argv[2]) if len(sys.argv) > 2 else 4096
    recipe = sys.argv[3] if len(sys.argv) > 3 else "photo"
    folder = Path(sys.argv[4] if len(sys.argv) > 4 else tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    renderer = Renderer()
    rows: dict[str, list[Errors]] = {}
    for image in make_plan(load_recipe(recipe), seed=0, count=scenes).images:
        file = folder / f"{recipe}-{samples}-{image.key}.json"
        if not file.exists():
            write_atomic(file, json.dumps(measure(renderer, image, samples)).encode())
        for name, row in json.loads(file.read_text()).items():
            rows.setdefault(name, []).append(Errors(*row))
        print_table(rows, f"{recipe}, reference: {samples} samples")
    sys.stdout.flush()
    # Blender's own end of a process can hang.
    os._exit(0)


def measure(renderer: Renderer, image: PlannedImage, samples: int) -> dict[str, Errors]:
    """Return the errors of all candidates on one scene, against many samples."""
    # Blender develops and writes the picture, whatever camera the recipe has.
    values = {**image.values, "view_transform": "neutral"}
    renderer.stage.set(values, image.seed + 1)
    reference = renderer.render(Candidate(Preset(samples, 0, 32), "none"))
    renderer.stage.set(values, image.seed)
    rows = {}
    for name, candidate in _candidates().items():
        began = process_time()
        picture = renderer.render(candidate)
        rows[name] = errors(picture, reference, renderer.car, process_time() - began)
    return rows


def print_table(rows: dict[str, list[Errors]], title: str) -> None:
    print(f"{len(next(iter(rows.values())))} scenes of {title}")
    print("| | FLIP | on the car | off it | PSNR | SSIM | core-s a frame |")
    print("|---|---|---|---|---|---|---|")
    for name, of_candidate in rows.items():
        flip, on, off, psnr, ssim, seconds = np.mean(of_candidate, axis=0)
        flips = " | ".join(f"{part:.4f}" for part in (flip, on, off))
        print(f"| {name} | {flips} | {psnr:.1f} | {ssim:.4f} | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
