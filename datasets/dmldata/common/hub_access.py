"""Access to the Hugging Face Hub, with a fast check of whether it answers."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from dmldata.common.extras import import_extra

_SECONDS = 3.0
_PROXIES = ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")


def hub_endpoint() -> str:
    """Return the address of the Hub: HF_ENDPOINT, or else the public one.

    Raises:
        MissingPackageError: huggingface_hub is not installed.
    """
    import_extra("huggingface_hub")
    from huggingface_hub import constants

    return os.environ.get("HF_ENDPOINT") or str(constants.ENDPOINT)


def hub_answers() -> bool:
    """Return whether the Hub's host accepts a connection; True if a proxy is configured."""
    if any(map(os.environ.get, _PROXIES)):
        return True
    address = urlsplit(hub_endpoint())
    port = address.port or (80 if address.scheme == "http" else 443)
    try:
        socket.create_connection((address.hostname or "", port), timeout=_SECONDS).close()
    except OSError:
        return False
    return True


@contextmanager
def offline_if_hub_is_silent() -> Iterator[None]:
    """Let `huggingface_hub` use only its cache inside the block if the Hub does not answer.

    Otherwise it would retry for a minute.
    """
    import_extra("huggingface_hub")
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or not hub_answers()
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
