"""Error against time: presets, samples, bounces and ways to denoise, against many samples.

    python measurements/quality.py [SCENES] [REFERENCE_SAMPLES]

Renders SCENES (12) images of the recipe `photo` (256 pixels, before the camera adds anything of its
own) with REFERENCE_SAMPLES (4096) samples and without denoising as reference, then every candidate,
from another seed. Prints means over the scenes: FLIP (lower is better), PSNR in dB and SSIM (higher
is better), and the median work of a frame in seconds of a core, which other work on the machine
disturbs less than the clock. The table is printed again after every scene. Between two frames of a
scene nothing moves, so that the work is that of tracing and denoising.
"""

import os
import statistics
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

from dmlgen.plan.draw import make_plan
from dmlgen.plan.presets import PRESETS, Engine, Preset
from dmlgen.plan.recipe import load_recipe
from dmlgen.scene.picture import Photographer
from dmlgen.scene.stage import Stage


class Errors(NamedTuple):
    flip: float
    psnr: float
    ssim: float
    seconds: float


def errors(picture: np.ndarray, reference: np.ndarray, seconds: float) -> Errors:
    """Of a picture, uint8 [H, W, 3]."""
    first, second = (p.astype(np.float32) / 255 for p in (reference, picture))
    flip = flip_evaluator.evaluate(first, second, "LDR")[1]
    psnr = peak_signal_noise_ratio(reference, picture)
    ssim = structural_similarity(reference, picture, channel_axis=2)
    return Errors(float(flip), float(psnr), float(ssim), seconds)


class Candidate(NamedTuple):
    """How a picture is sampled, and who takes its noise off."""

    preset: Preset
    denoising: str = "ours"


def _candidates() -> dict[str, Candidate]:
    standard = PRESETS["standard"]
    fixed = {
        f"{samples} samples": Candidate(replace(standard, samples=samples, noise_threshold=0.0))
        for samples in (8, 16, 32, 64, 128)
    }
    return {
        **{f"preset {name}": Candidate(preset) for name, preset in PRESETS.items()},
        **fixed,
        "32 samples, 4 bounces": Candidate(Preset(32, 0.0, 4)),
        "32 samples, 16 bounces": Candidate(Preset(32, 0.0, 16)),
        "32 samples, guides at high quality": Candidate(fixed["32 samples"].preset, "high"),
        "32 samples, Blender's denoising": Candidate(fixed["32 samples"].preset, "blender"),
        "32 samples, not denoised": Candidate(fixed["32 samples"].preset, "none"),
    }


class Renderer:
    """One stage, and photographers for each way to denoise."""

    def __init__(self) -> None:
        self.stage = Stage(Engine("standard", 256, "cpu"))
        self._scratch = Path(tempfile.mkdtemp())
        self._photographers = {"ours": Photographer(self._scratch)}
        with patch.object(pyoidn, "OIDN_QUALITY_BALANCED", pyoidn.OIDN_QUALITY_HIGH):
            self._photographers["high"] = Photographer(self._scratch)

    def render(self, candidate: Candidate) -> np.ndarray:
        """The picture of the stage as it is set, uint8 [H, W, 3]."""
        scene, preset = bpy.context.scene, candidate.preset
        cycles = scene.cycles
        cycles.samples, cycles.max_bounces = preset.samples, preset.max_bounces
        cycles.use_adaptive_sampling = preset.noise_threshold > 0
        cycles.adaptive_threshold = preset.noise_threshold
        cycles.use_denoising = candidate.denoising == "blender"
        cycles.denoiser, cycles.denoising_prefilter = "OPENIMAGEDENOISE", "ACCURATE"
        # Without the tag, a scene with persistent data goes on with the settings before.
        scene.update_tag()
        if candidate.denoising in self._photographers:
            self.stage.photograph(self._photographers[candidate.denoising])
        else:
            bpy.ops.render.render(write_still=True)
        return np.asarray(Image.open(self._scratch / "picture.png").convert("RGB"))


def main() -> None:
    scenes = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    samples = int(sys.argv[2]) if len(sys.argv) > 2 else 4096
    renderer = Renderer()
    found: dict[str, list[Errors]] = {}
    for image in make_plan(load_recipe("photo"), seed=0, count=scenes).images:
        renderer.stage.set(image.values, image.seed + 1)
        reference = renderer.render(Candidate(Preset(samples, 0.0, 32), "none"))
        renderer.stage.set(image.values, image.seed)
        for name, candidate in _candidates().items():
            began = process_time()
            picture = renderer.render(candidate)
            found.setdefault(name, []).append(errors(picture, reference, process_time() - began))
        print_table(found, samples)
    sys.stdout.flush()
    # Blender's own end of a process can hang.
    os._exit(0)


def print_table(found: dict[str, list[Errors]], samples: int) -> None:
    print(f"{len(next(iter(found.values())))} scenes, reference: {samples} samples")
    print("| | FLIP | PSNR | SSIM | core-s a frame |")
    print("|---|---|---|---|---|")
    for name, rows in found.items():
        flip, psnr, ssim, _ = np.mean(rows, axis=0)
        seconds = statistics.median(row.seconds for row in rows)
        print(f"| {name} | {flip:.4f} | {psnr:.1f} | {ssim:.4f} | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
