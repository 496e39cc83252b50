"""What the supervisor asks of whatever runs its workers, and what it hears from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dmldata.common.errors import PrismError
from dmlgen.plan.draw import PlannedImage
from dmlgen.rendering.frames import Frame


@dataclass(frozen=True)
class Rendered:
    """A worker has rendered the first of the rows it was given.

    Attributes:
        memory: bytes that the worker holds now.
    """

    worker: int
    frame: Frame
    memory: int


@dataclass(frozen=True)
class Died:
    """A worker is gone, with all it was given and had not rendered.

    Attributes:
        lost: it went without a word, perhaps with the machine that it ran on; else it was the row
            that it was rendering that ended it.
    """

    worker: int
    why: str
    lost: bool = False


@dataclass(frozen=True)
class Refused:
    """A worker cannot do what it is asked, nor could any other."""

    worker: int
    error: PrismError


Event = Rendered | Died | Refused


class Executor(Protocol):
    """Starts workers and carries rows to them and frames back. Workers are known by numbers."""

    def slots(self) -> int:
        """How many workers there is room for now."""

    def start(self) -> int:
        """A new worker; it may still be starting when this returns."""

    def submit(self, worker: int, image: PlannedImage) -> None:
        """Gives a worker one more row; rows are rendered in the order in which they are given."""

    def wait(self, seconds: float) -> list[Event]:
        """What has happened, waiting at most `seconds` for it."""

    def stop(self, worker: int) -> None:
        """Ends a worker at once, whatever it is doing; nothing is heard of it any more."""

    def close(self) -> None:
        """Ends all workers at once."""
