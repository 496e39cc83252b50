"""Error against time: presets, and ways to denoise, compared with a reference of many samples.

    python benchmarks/quality.py [SCENES] [REFERENCE_SAMPLES]

Renders SCENES (12) images of the recipe `photo` (256 pixels, the camera adding nothing of its own)
with REFERENCE_SAMPLES (4096) samples and without denoising as reference, then every candidate.
Prints means over the scenes: FLIP (lower is better), PSNR in dB and SSIM (higher is better), and
the median seconds of a frame, all on the same cores.
"""

import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import bpy
import flip_evaluator
import numpy as np
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from dmlgen.plan import make_plan
from dmlgen.presets import PRESETS, Engine
from dmlgen.recipe import load_recipe
from dmlgen.scene.picture import Photographer
from dmlgen.scene.stage import Stage

NEUTRAL = {"flare": 0.0, "sensor_noise": 0.0, "sharpening": 0.0, "jpeg_quality": 100.0}


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


class Renderer:
    """One stage and its photographer, set to a row and to the settings of a candidate."""

    def __init__(self) -> None:
        self.stage = Stage(Engine("standard", 256, "cpu"))
        self.scratch = Path(tempfile.mkdtemp())
        self.photographer = Photographer(self.scratch)

    def ours(self) -> np.ndarray:
        """Through the photographer."""
        jpg = self.stage.photograph(self.photographer).jpg
        return np.asarray(Image.open(BytesIO(jpg)).convert("RGB"))

    def blenders(self) -> np.ndarray:
        """Through Blender's own render operator, as its scene stands."""
        bpy.ops.render.render(write_still=True)
        return np.asarray(Image.open(self.scratch / "picture.png").convert("RGB"))


@contextmanager
def blender_denoises() -> Iterator[None]:
    scene = bpy.context.scene
    scene.cycles.use_denoising, scene.cycles.denoiser = True, "OPENIMAGEDENOISE"
    scene.cycles.denoising_prefilter = "ACCURATE"
    scene.update_tag()
    yield
    scene.cycles.use_denoising = False
    scene.update_tag()


def sample(samples: int, threshold: float) -> None:
    cycles = bpy.context.scene.cycles
    cycles.samples = samples
    cycles.use_adaptive_sampling, cycles.adaptive_threshold = threshold > 0, threshold
    # Without the tag, a scene with persistent data goes on with the settings before.
    bpy.context.scene.update_tag()


def candidates(renderer: Renderer) -> dict[str, Callable[[], np.ndarray]]:
    def preset(name: str) -> Callable[[], np.ndarray]:
        def render() -> np.ndarray:
            sample(PRESETS[name].samples, PRESETS[name].noise_threshold)
            return renderer.ours()

        return render

    def with_blender() -> np.ndarray:
        sample(PRESETS["standard"].samples, PRESETS["standard"].noise_threshold)
        with blender_denoises():
            return renderer.blenders()

    def noisy() -> np.ndarray:
        sample(PRESETS["standard"].samples, PRESETS["standard"].noise_threshold)
        return renderer.blenders()

    return {
        **{name: preset(name) for name in PRESETS},
        "standard, Blender's denoising": with_blender,
        "standard, not denoised": noisy,
    }


def main() -> None:
    scenes = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    samples = int(sys.argv[2]) if len(sys.argv) > 2 else 4096
    renderer = Renderer()
    found: dict[str, list[Errors]] = {}
    for image in make_plan(load_recipe("photo"), seed=0, count=scenes).images:
        renderer.stage.set({**image.values, **NEUTRAL}, image.seed + 1)
        sample(samples, 0.0)
        reference = renderer.blenders()
        renderer.stage.set({**image.values, **NEUTRAL}, image.seed)
        print(f"image {image.key}", file=sys.stderr, flush=True)
        for name, render in candidates(renderer).items():
            began = perf_counter()
            picture = render()
            found.setdefault(name, []).append(errors(picture, reference, perf_counter() - began))
    print(f"{scenes} scenes, reference: {samples} samples")
    print("| | FLIP | PSNR | SSIM | s a frame |")
    print("|---|---|---|---|---|")
    for name, rows in found.items():
        flip, psnr, ssim, _ = np.mean(rows, axis=0)
        seconds = statistics.median(row.seconds for row in rows)
        print(f"| {name} | {flip:.4f} | {psnr:.1f} | {ssim:.4f} | {seconds:.2f} |")
    sys.stdout.flush()
    # Blender's own end of a process can hang.
    os._exit(0)


if __name__ == "__main__":
    main()
