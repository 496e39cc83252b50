"""All that a car of `dmlgen.derive.glb` is made of, as values that can be compared."""

from dataclasses import asdict


def content_of(car):
    """Return the nodes of a car as dicts and lists."""
    return [_plain(asdict(node)) for node in car.nodes]


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.tolist() if hasattr(value, "tolist") else value
