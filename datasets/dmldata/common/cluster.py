"""Connecting to a Ray cluster, with errors that say what is wrong."""

from __future__ import annotations

import logging
import socket
from typing import Any

from dmldata.common.errors import InputError, one_line
from dmldata.common.extras import import_extra


def connect(address: str | None) -> Any:
    """Connect to a Ray cluster and return the module `ray`.

    Args:
        address: address of the cluster, as for `ray.init`; None starts one on this machine.

    Raises:
        MissingPackageError: Ray is not installed.
        InputError: there is no cluster at that address.
    """
    ray = import_extra("ray")
    if address is not None and ":" in address and "://" not in address:
        _check_reachable(address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise InputError(f"--address {address}: {one_line(error)}") from None
    return ray


def room(ray: Any, threads: int, gpus: int, maximum: int | None) -> int:
    """Return how many workers the current nodes have room for.

    Args:
        ray: the connected module.
        threads, gpus: number of CPUs and GPUs that each worker reserves.
        maximum: upper limit of the result, if any.
    """
    places = sum(_places(node, threads, gpus) for node in _nodes(ray))
    return places if maximum is None else min(places, maximum)


def require_room(ray: Any, threads: int, gpus: int) -> None:
    """Check that a worker fits on one of the nodes, because Ray would wait for room forever.

    Args:
        ray: the connected module; it is disconnected if the check fails.
        threads, gpus: number of CPUs and GPUs that each worker reserves.

    Raises:
        InputError: no node has room for a worker, even if nothing else ran there.
    """
    if room(ray, threads, gpus, None):
        return
    nodes = sorted(
        f"{node.get('CPU', 0):g} CPUs" + (f" and {node['GPU']:g} GPUs" if "GPU" in node else "")
        for node in _nodes(ray)
    )
    ray.shutdown()
    request = f"{threads} CPUs" + (f" and {gpus} GPU" if gpus else "")
    raise InputError(
        f"no node of the Ray cluster has {request} for a worker (its nodes have: "
        f"{', '.join(nodes) or 'nothing'}); ask for less with --threads or --device, or add a node"
    )


def _nodes(ray: Any) -> list[dict[str, float]]:
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _places(node: dict[str, float], threads: int, gpus: int) -> int:
    places = int(node.get("CPU", 0)) // threads
    return min(places, int(node.get("GPU", 0)) // gpus) if gpus else places


def _check_reachable(address: str) -> None:
    """Check that the address answers: Ray itself would retry for minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, ValueError) as error:
        raise InputError(f"--address {address}: no Ray cluster answers there ({error})") from None
