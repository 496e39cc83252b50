"""Statistics in which renders tend to differ from photographs: pure functions on one picture.

`pixels` is uint8 [H, W, 3], sRGB, everywhere; `seen` is bool [H, W], the pixels that count.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from scipy.ndimage import convolve
from scipy.signal.windows import hann
from skimage.color import rgb2lab
from skimage.filters import sobel

BLOCK = 16
EDGE = 0.06
"""Gradient magnitude (Sobel, luminance 0..1) from which a pixel is an edge."""
FLAT = 1.5
"""Standard deviation, in gray levels, below which a block is near-constant."""


def gray(pixels: np.ndarray) -> np.ndarray:
    """Luma of the encoded picture [H, W], 0..1 (ITU-R BT.709)."""
    return pixels @ np.array([0.2126, 0.7152, 0.0722]) / 255


def spectrum_slope(pixels: np.ndarray, seen: np.ndarray) -> float:
    """Slope of the power spectrum over frequency, both as logarithms; about -2 for photographs
    (Field, 1987, "Relations between the statistics of natural images and the response properties
    of cortical cells").

    Of the whole picture, as a square around its middle under a Hann window, from 6 cycles a picture
    to half the Nyquist frequency, averaged over directions.
    """
    luma = gray(pixels)
    side = min(luma.shape)
    top, left = ((n - side) // 2 for n in luma.shape)
    square = luma[top : top + side, left : left + side]
    window = np.outer(hann(side), hann(side))
    power = np.abs(np.fft.fft2((square - square.mean()) * window)) ** 2
    frequency = np.fft.fftfreq(side) * side
    radius = np.hypot(frequency[:, None], frequency[None, :])
    rings = np.unique(np.geomspace(6, side / 4, 16).astype(int))
    levels = [power[(radius >= low) & (radius < high)].mean() for low, high in pairwise(rings)]
    middles = np.sqrt(rings[:-1] * rings[1:])
    return float(np.polyfit(np.log(middles), np.log(levels), 1)[0])


def blocks(values: np.ndarray, seen: np.ndarray, side: int) -> np.ndarray:
    """Square blocks [K, side * side] of `values` [H, W] that are seen as a whole."""
    rows, columns = (n // side for n in values.shape)

    def cut(array: np.ndarray) -> np.ndarray:
        array = array[: rows * side, : columns * side]
        return array.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(-1, side * side)

    return cut(values)[cut(seen).all(axis=1)]


def local_contrast(pixels: np.ndarray, seen: np.ndarray) -> float:
    """Median over blocks of 16 x 16 of the luma's standard deviation, in gray levels."""
    return float(np.median(255 * blocks(gray(pixels), seen, BLOCK).std(axis=1)))


def strong_contrast(pixels: np.ndarray, seen: np.ndarray) -> float:
    """90th percentile over blocks of 16 x 16 of the luma's standard deviation, in gray levels."""
    return float(np.percentile(255 * blocks(gray(pixels), seen, BLOCK).std(axis=1), 90))


def edge_density(pixels: np.ndarray, seen: np.ndarray) -> float:
    """Share of pixels whose Sobel gradient exceeds EDGE."""
    return float((sobel(gray(pixels)) > EDGE)[seen].mean())


def flat_share(pixels: np.ndarray, seen: np.ndarray) -> float:
    """Share of 8 x 8 blocks whose luma hardly varies (standard deviation below FLAT)."""
    return float((255 * blocks(gray(pixels), seen, 8).std(axis=1) < FLAT).mean())


def chroma(pixels: np.ndarray, seen: np.ndarray) -> float:
    """Mean chroma in CIELAB, 0 (gray) to about 130."""
    lab = rgb2lab(pixels)[seen]
    return float(np.hypot(lab[:, 1], lab[:, 2]).mean())


def strong_chroma(pixels: np.ndarray, seen: np.ndarray) -> float:
    """90th percentile of the chroma in CIELAB."""
    lab = rgb2lab(pixels)[seen]
    return float(np.percentile(np.hypot(lab[:, 1], lab[:, 2]), 90))


def lightness(pixels: np.ndarray, seen: np.ndarray) -> float:
    """Mean lightness in CIELAB, 0 to 100."""
    return float(rgb2lab(pixels)[seen][:, 0].mean())


def burnt_share(pixels: np.ndarray, seen: np.ndarray) -> float:
    """Share of pixels with a channel at 254 or above."""
    return float((pixels.max(axis=2) >= 254)[seen].mean())


def black_share(pixels: np.ndarray, seen: np.ndarray) -> float:
    """Share of pixels with all channels at 2 or below."""
    return float((pixels.max(axis=2) <= 2)[seen].mean())


def noise(pixels: np.ndarray, seen: np.ndarray) -> float:
    """Standard deviation of the luma's noise, in gray levels, after Immerkaer (1996), "Fast noise
    variance estimation", with the median in place of the mean, so that edges count little."""
    laplacian = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])
    response = np.abs(convolve(255 * gray(pixels), laplacian))[seen]
    return float(np.median(response) / 0.6745 / 6)


STATISTICS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "slope of the power spectrum": spectrum_slope,
    "local contrast": local_contrast,
    "strong local contrast": strong_contrast,
    "edge density": edge_density,
    "near-constant blocks": flat_share,
    "chroma": chroma,
    "strong chroma": strong_chroma,
    "lightness": lightness,
    "burnt out": burnt_share,
    "black": black_share,
    "noise": noise,
}
