"""Run a model: device, eval mode, frozen parameters, full precision, seeded random state."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from dmldata.common.errors import InputError

Callee = Callable[[Tensor], Tensor]


def pick_device(name: str = "auto") -> torch.device:
    """Return the torch device of this name; "auto" is CUDA if available, else the CPU.

    Raises:
        InputError: the device is not available on this machine.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        why = str(error).splitlines()[0]
        if why.startswith("Expected one of"):
            why = "PyTorch knows no such device"
        raise InputError(
            f"device '{name}' cannot be used: {why}; valid: auto, cpu, cuda, mps"
        ) from error
    return device


def move_model(model: Callee, device: torch.device) -> None:
    """Move a module to a device in place; other callables choose their device themselves."""
    if isinstance(model, nn.Module):
        model.to(device)


@contextmanager
def evaluated(model: Callee) -> Iterator[None]:
    """Put a module into eval mode inside; restore the mode of every submodule afterwards.

    By `train`, which layers may override: some merge weights in eval mode and part them again.
    """
    modules = list(model.modules()) if isinstance(model, nn.Module) else []
    training = [module.training for module in modules]
    if isinstance(model, nn.Module):
        model.eval()
    try:
        yield
    finally:
        # Parents come first, so that what they do to their children is corrected.
        for module, mode in zip(modules, training, strict=True):
            if module.training != mode:
                module.train(mode)
        for module, mode in zip(modules, training, strict=True):
            module.training = mode


@contextmanager
def frozen(model: Callee) -> Iterator[None]:
    """Use eval mode and parameters without gradients inside; restore both afterwards."""
    parameters = list(model.parameters()) if isinstance(model, nn.Module) else []
    flags = [parameter.requires_grad for parameter in parameters]
    with evaluated(model):
        for parameter in parameters:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter, flag in zip(parameters, flags, strict=True):
                parameter.requires_grad_(flag)


@contextmanager
def full_precision() -> Iterator[None]:
    """Run products of matrices and convolutions in float32, whatever the user's program allows.

    Neither TF32 nor bfloat16 nor autocast inside, and deterministic kernels on an NVIDIA device.
    """
    allowed = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    with ExitStack() as contexts:
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                contexts.enter_context(torch.autocast(kind, enabled=False))
        if torch.cuda.is_available():
            contexts.enter_context(
                torch.backends.cudnn.flags(
                    enabled=True, benchmark=False, deterministic=True, allow_tf32=False
                )
            )
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(allowed)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the CPU random state of torch, NumPy and Python inside; restore it afterwards."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        # The CPU generator alone: torch.manual_seed would also reseed every accelerator.
        torch.default_generator.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
