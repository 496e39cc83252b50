"""A device is checked by a picture that it renders."""

import io

import numpy as np
import pytest
from PIL import Image

from dmlgen.factors.registry import DEFAULTS
from dmlgen.rendering import device_check
from dmlgen.rendering.device_check import Agreement, agreement_of


def test_without_a_device_check_only_says_whether_blender_runs(dmlgen):
    assert dmlgen("check") == (0, "Blender can run here\n", "")


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("optix", "error: --device optix: no such GPU here; valid: auto, cpu\n"),
        (
            "gpu",
            "error: unknown device 'gpu' (did you mean 'cuda'?); valid: auto, cpu, cuda, optix\n",
        ),
    ],
)
def test_a_device_that_is_not_there_is_one_line(dmlgen, device, message):
    assert dmlgen("check", "--device", device) == (2, "", message)


def test_the_picture_of_a_device_is_compared_with_the_cpus(dmlgen, monkeypatch):
    monkeypatch.setattr(device_check, "SIZE", 32)
    monkeypatch.setattr(device_check, "VALUES", DEFAULTS)
    code, out, _ = dmlgen("check", "--device", "cpu")
    assert code == 0
    assert out.startswith("cpu renders what the CPU renders: mean difference from the CPU's")
    assert out.count("\n") == 1


def test_another_picture_is_a_failure(dmlgen, monkeypatch):
    monkeypatch.setattr(
        device_check, "compare_with_cpu", lambda device: Agreement(12.0, 0.9, 0.5, 2.0)
    )
    code, _, err = dmlgen("check", "--device", "optix")
    assert code == 1
    assert err.startswith("error: optix does not render what the CPU renders: mean difference")
    assert "12.00 of 255 (at most 1), mask 90.00% equal (at least 99.5%)" in err


def png(*gray):
    """An image file of one row of gray pixels."""
    buffer = io.BytesIO()
    Image.fromarray(np.uint8([gray])).save(buffer, "PNG")
    return buffer.getvalue()


def test_pictures_agree_by_their_mean_difference_and_the_share_of_equal_parts():
    of_device = (png(100, 100, 90, 80), png(1, 1, 2, 0), 0.5)
    of_cpu = (png(102, 100, 90, 70), png(1, 1, 3, 0), 2.0)
    assert agreement_of(of_device, of_cpu) == Agreement(3.0, 0.75, 0.5, 2.0)
    assert agreement_of(of_cpu, of_cpu) == Agreement(0.0, 1.0, 2.0, 2.0)


@pytest.mark.parametrize(("difference", "mask"), [(1.1, 1.0), (0.0, 0.99)])
def test_a_difference_in_either_is_one(difference, mask):
    assert Agreement(0.3, 0.999, 0.5, 2.0).holds
    assert not Agreement(difference, mask, 0.5, 2.0).holds
