"""Joining a Ray cluster, with errors that say what is wrong."""

from __future__ import annotations

import logging
import socket
from typing import Any

from dmldata.common.errors import InputError, one_line
from dmldata.common.extras import import_extra


def connect(address: str | None) -> Any:
    """The module `ray`, connected to a cluster.

    Args:
        address: of the cluster, as `ray.init` takes it; None starts one on this machine.

    Raises:
        MissingPackageError: Ray is not installed.
        InputError: there is no cluster at that address.
    """
    ray = import_extra("ray")
    if address is not None and ":" in address and "://" not in address:
        _knock(address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise InputError(f"--address {address}: {one_line(error)}") from None
    return ray


def room(ray: Any, threads: int, gpus: int, most: int | None) -> int:
    """How many workers the nodes that are there now have room for, `most` at most.

    Args:
        ray: connected.
        threads, gpus: that each worker reserves.
    """
    places = sum(_places(node, threads, gpus) for node in _nodes(ray))
    return places if most is None else min(places, most)


def require_room(ray: Any, threads: int, gpus: int) -> None:
    """Make sure that a worker fits on one of the nodes; Ray would wait for it without an end.

    Args:
        ray: connected; not any more where this fails.
        threads, gpus: that each worker reserves.

    Raises:
        InputError: no node has room for one, even if nothing else ran there.
    """
    if room(ray, threads, gpus, None):
        return
    nodes = sorted(
        f"{node.get('CPU', 0):g} CPUs" + (f" and {node['GPU']:g} GPUs" if "GPU" in node else "")
        for node in _nodes(ray)
    )
    ray.shutdown()
    asked = f"{threads} CPUs" + (f" and {gpus} GPU" if gpus else "")
    raise InputError(
        f"no node of the Ray cluster has {asked} for a worker (its nodes have: "
        f"{', '.join(nodes) or 'nothing'}); ask for less with --threads or --device, or add a node"
    )


def _nodes(ray: Any) -> list[dict[str, float]]:
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _places(node: dict[str, float], threads: int, gpus: int) -> int:
    places = int(node.get("CPU", 0)) // threads
    return min(places, int(node.get("GPU", 0)) // gpus) if gpus else places


def _knock(address: str) -> None:
    """Ray itself tries for minutes where nobody answers."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, ValueError) as error:
        raise InputError(f"--address {address}: no Ray cluster answers there ({error})") from None
