"""Denoise pictures with Intel's Open Image Denoise; its filters are reused for all frames.

Blender's own denoising rebuilds its network for each frame, which at 256 pixels takes longer than
running it.
"""

from __future__ import annotations

import sys

import numpy as np

from dmldata.common.arrays import Floats

# pyoidn imports PyTorch where that is installed, which takes each worker seconds at its start, for
# tensors that nothing here uses. It has no option against it, so PyTorch is hidden meanwhile.
_unused = "torch" not in sys.modules
if _unused:
    sys.modules["torch"] = None  # type: ignore[assignment]
import pyoidn  # noqa: E402

if _unused:
    del sys.modules["torch"]


class Denoiser:
    """Denoises pictures of one size, guided by the albedo and the normals of what they show.

    The guides are noisy too, where they are out of focus or behind glass: each is filtered by
    itself first, as with Blender's prefilter 'Accurate', but by the network of balanced quality,
    which takes less than half the time of the best.

    Args:
        width, height: pixels.
        threads: number of threads, 0 for one per core; it does not change the result.
    """

    def __init__(self, width: int, height: int, threads: int = 0) -> None:
        self._device = pyoidn.Device()
        self._device.set_int("numThreads", threads)
        # Threads pinned to cores would compete with those of another process on the same cores.
        self._device.set_bool("setAffinity", False)
        self._device.commit()
        shape = (height, width, 3)
        self._color, self._albedo, self._normal = (np.zeros(shape, np.float32) for _ in range(3))
        guides = {"albedo": self._albedo, "normal": self._normal}
        self._filters = [
            self._filter({name: guide}, guide, pyoidn.OIDN_QUALITY_BALANCED)
            for name, guide in guides.items()
        ]
        picture = {"color": self._color, **guides}
        flags = {"hdr": True, "cleanAux": True}
        self._filters.append(self._filter(picture, self._color, pyoidn.OIDN_QUALITY_HIGH, **flags))

    def denoise(self, color: Floats, albedo: Floats, normal: Floats) -> Floats:
        """Return the picture without its noise.

        Args:
            color: linear radiance, float32 [H, W, 3].
            albedo: 0..1, float32 [H, W, 3].
            normal: -1..1, float32 [H, W, 3].

        Returns:
            float32 [H, W, 3]; overwritten by the next call.

        Raises:
            RuntimeError: Open Image Denoise's message.
        """
        self._color[:], self._albedo[:], self._normal[:] = color, albedo, normal
        for step in self._filters:
            step.execute()
        if error := self._device.get_error():
            raise RuntimeError(f"denoising failed: {error}")
        return self._color

    def _filter(
        self, images: dict[str, Floats], output: Floats, quality: int, **flags: bool
    ) -> pyoidn.Filter:
        built = pyoidn.Filter(self._device, pyoidn.OIDN_FILTER_TYPE_RT)
        for name, image in {**images, "output": output}.items():
            built.set_image(name, image, pyoidn.OIDN_FORMAT_FLOAT3)
        for name, value in flags.items():
            built.set_bool(name, value)
        built.set_int("quality", quality)
        built.commit()
        return built
