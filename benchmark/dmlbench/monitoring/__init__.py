"""By which properties a network clusters images, while it is trained: in any loop, in Lightning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmldata.common.lazy import lazy_exports

if TYPE_CHECKING:
    from dmlbench.monitoring.lightning_callback import PropertyMonitorCallback
    from dmlbench.monitoring.monitor import PropertyMonitor

__all__ = ["PropertyMonitor", "PropertyMonitorCallback"]

# The monitor works without Lightning.
__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "PropertyMonitor": "dmlbench.monitoring.monitor",
        "PropertyMonitorCallback": "dmlbench.monitoring.lightning_callback",
    },
)
