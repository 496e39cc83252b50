"""Where an evaluation or a study runs: on this machine, or on a Ray cluster."""

from __future__ import annotations

from dataclasses import dataclass

from dmldata.common.cluster import EXECUTORS
from dmldata.common.errors import FieldError, UnknownNameError
from dmldata.common.extras import require_extras


@dataclass(frozen=True)
class ExecutorSettings:
    """Where to run: options that have to go together are checked before anything is loaded.

    Attributes:
        executor: "local" or "ray".
        address: of the Ray cluster, as for `ray.init`; None starts one on this machine.
        workers: maximum number of Ray workers; None for as many as the cluster has room for.
        threads: CPU threads per worker; None for one on Ray, and for PyTorch's choice in this
            process.

    Raises:
        UnknownNameError: there is no such executor.
        InputError: an option needs the Ray executor.
        MissingPackageError: Ray is not installed.
    """

    executor: str = "local"
    address: str | None = None
    workers: int | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.executor not in EXECUTORS:
            raise UnknownNameError("executor", self.executor, EXECUTORS)
        if self.on_ray:
            require_extras("ray")
        for field, value in (("address", self.address), ("workers", self.workers)):
            if value is not None and not self.on_ray:
                raise FieldError({field: value}, "only with the executor ray")

    @property
    def on_ray(self) -> bool:
        """Whether the work runs on a Ray cluster."""
        return self.executor == "ray"


LOCAL = ExecutorSettings()
