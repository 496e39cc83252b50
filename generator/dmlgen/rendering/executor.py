"""The interface between the supervisor and what runs its workers, with the events it reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dmldata.common.errors import PrismError
from dmlgen.planning.images import PlannedImage
from dmlgen.rendering.frames import Frame


@dataclass(frozen=True)
class Rendered:
    """A worker has rendered the oldest row that was submitted to it.

    Attributes:
        memory: bytes of memory that the worker uses now.
    """

    worker: int
    frame: Frame
    memory: int


@dataclass(frozen=True)
class Died:
    """A worker has died, and the rows that it had not rendered are open again.

    Attributes:
        lost: True if it disappeared without an error, perhaps with its machine; False if the row
            that it was rendering made it fail.
    """

    worker: int
    why: str
    lost: bool = False


@dataclass(frozen=True)
class Refused:
    """A worker cannot render what the user asks for, and neither could any other worker."""

    worker: int
    error: PrismError


Event = Rendered | Died | Refused


class Executor(Protocol):
    """Starts workers, sends them rows and receives frames. Each worker has a number."""

    def slots(self) -> int:
        """Return how many workers there is room for now."""

    def start(self) -> int:
        """Start a worker and return its number; it may still be loading when this returns."""

    def submit(self, worker: int, image: PlannedImage) -> None:
        """Send a worker one more row; it renders rows in the order of submission."""

    def wait(self, seconds: float) -> list[Event]:
        """Return new events, waiting at most `seconds` for the first."""

    def stop(self, worker: int) -> None:
        """End a worker at once, whatever it is doing; no further events of it are reported."""

    def close(self) -> None:
        """End all workers at once."""
