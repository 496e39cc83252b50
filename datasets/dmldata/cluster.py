"""Joining a Ray cluster, with errors that say what is wrong."""

from __future__ import annotations

import logging
import socket
from typing import Any

from dmldata.errors import InputError, one_line
from dmldata.extras import import_extra


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
    have = ray.cluster_resources()
    places = int(have.get("CPU", 0)) // threads
    if gpus:
        places = min(places, int(have.get("GPU", 0)) // gpus)
    return places if most is None else min(places, most)


def _knock(address: str) -> None:
    """Ray itself tries for minutes where nobody answers."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, ValueError) as error:
        raise InputError(f"--address {address}: no Ray cluster answers there ({error})") from None
