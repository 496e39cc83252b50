"""The supervisor: assigns rows to workers, watches them and replaces those that fail."""

from __future__ import annotations

import statistics
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dmldata.common.errors import PrismError
from dmlgen.planning.images import PlannedImage
from dmlgen.rendering.executor import Died, Event, Executor, Refused, Rendered
from dmlgen.rendering.frames import Frame
from dmlgen.rendering.units import Unit

ROWS_PER_WORKER = 2
"""Rows that a worker holds: the one it renders and the next, so that it never waits."""
MAX_DEATHS = 2
"""Number of workers that die of a row after which it is set aside."""
MAX_LOSSES = 6
"""Number of workers that are lost at a row after which it is set aside. A machine that fails takes
several workers with it, including those that are started there before its failure is noticed."""
MAX_IN_SUCCESSION = 8
"""Number of rows that are set aside with no frame between them after which a row that was rendered
before is rendered again: if that fails too, it is the machine."""


@dataclass(frozen=True)
class Limits:
    """When a worker is replaced.

    Attributes:
        starting: maximum time of a worker's first frame, including loading, in seconds.
        least, medians: a later frame may take `least` seconds, or `medians` times the median of
            the worker's last frames, whichever is longer.
        frames: number of frames after which a worker is replaced, in case it leaks memory.
        memory: memory in bytes above which a worker is replaced.
    """

    starting: float = 900.0
    least: float = 120.0
    medians: float = 30.0
    frames: int = 500
    memory: int = 8 * 10**9

    def patience(self, durations: Sequence[float]) -> float:
        """Return the seconds to wait for the next frame of a worker whose frames took `durations`.

        >>> Limits().patience([]), Limits().patience([2.0, 10.0, 3.0]), Limits().patience([7.0])
        (900.0, 120.0, 210.0)
        """
        if not durations:
            return self.starting
        return max(self.least, self.medians * statistics.median(durations))


@dataclass
class WorkerState:
    """A worker as the supervisor sees it.

    Attributes:
        unit: rows that are assigned to it but not submitted yet.
        held: rows that were submitted to it; the first is being rendered.
        since: time of its last event, in seconds of the monotonic clock.
        durations: durations of its last frames in seconds.
    """

    unit: deque[PlannedImage] = field(default_factory=deque)
    held: deque[PlannedImage] = field(default_factory=deque)
    since: float = field(default_factory=time.monotonic)
    durations: deque[float] = field(default_factory=lambda: deque(maxlen=50))
    frames: int = 0
    memory: int = 0


class Supervisor:
    """Renders work units with the workers of an executor.

    Args:
        on_frame: called with each frame as it arrives, in any order.
        known: a row that was rendered before, if there is one.
    """

    def __init__(
        self,
        executor: Executor,
        limits: Limits,
        on_frame: Callable[[Frame], None],
        known: PlannedImage | None = None,
    ) -> None:
        self.workers: dict[int, WorkerState] = {}
        self.replaced: list[str] = []
        self._executor = executor
        self._limits = limits
        self._on_frame = on_frame
        self._queue: deque[deque[PlannedImage]] = deque()
        self._deaths: Counter[str] = Counter()
        self._losses: Counter[str] = Counter()
        self._set_aside: dict[str, str] = {}
        self._frames = 0
        self._in_succession = 0
        self._known = known
        self._probe: str | None = None
        self._worked = time.monotonic()

    def run(self, units: Sequence[Unit], tick: Callable[[], None] = lambda: None) -> dict[str, str]:
        """Render all rows of the units.

        Args:
            tick: called several times per second.

        Returns:
            The rows that were set aside because several workers died of them: key -> reason.

        Raises:
            InputError: no worker can render what the user asks for.
            PrismError: workers fail at every row, one that was rendered before included; or there
                was no room for a worker for as long as one may take to start.
        """
        self._queue = deque(deque(unit) for unit in units)
        self._worked = time.monotonic()
        try:
            while self._has_work():
                self._staff()
                self._look_for_room()
                for event in self._executor.wait(0.25):
                    self._hear(event)
                self._look_for_hangs()
                tick()
        finally:
            self._executor.close()
        return self._set_aside

    def _has_work(self) -> bool:
        if self._queue or any(state.held or state.unit for state in self.workers.values()):
            return True
        # The machine may have failed at the last rows.
        return bool(self._in_succession) and self._try_known()

    def _try_known(self) -> bool:
        """Let a row that was rendered before be rendered once more; False if there is none."""
        if self._known is None:
            return False
        if self._probe is None:
            self._probe = self._known.key
            self._queue.appendleft(deque([self._known]))
        return True

    def _staff(self) -> None:
        """Fill the free slots. Each worker gets a unit before any worker gets a second one."""
        new = []
        while self._queue and len(self.workers) < self._executor.slots():
            new.append(self._executor.start())
            self.workers[new[-1]] = WorkerState(unit=self._queue.popleft())
        for worker in new:
            self._feed(worker)

    def _feed(self, worker: int) -> None:
        state = self.workers[worker]
        if state.frames + len(state.held) == 0:
            state.since = time.monotonic()
        while len(state.held) < ROWS_PER_WORKER and not self._is_spent(state):
            if not state.unit:
                state.unit = self._next_unit()
            if not state.unit:
                break
            image = state.unit.popleft()
            state.held.append(image)
            self._executor.submit(worker, image)
        if not state.held:
            self._dismiss(worker)

    def _is_spent(self, state: WorkerState) -> bool:
        rendered = state.frames + len(state.held)
        if not rendered:
            # Whatever the limits are, each worker renders at least one row, so that the run ends.
            return False
        worn = rendered >= self._limits.frames
        return worn or state.memory > self._limits.memory

    def _next_unit(self) -> deque[PlannedImage]:
        """Return a unit from the queue, or else half of the longest unit of another worker."""
        if self._queue:
            return self._queue.popleft()
        assigned = [state.unit for state in self.workers.values()]
        longest = max(assigned, key=len, default=deque())
        half = [longest.pop() for _ in range((len(longest) + 1) // 2)]
        return deque(reversed(half))

    def _dismiss(self, worker: int) -> None:
        """End a worker and put the rows that it had not rendered back into the queue."""
        state = self.workers.pop(worker)
        self._executor.stop(worker)
        left = deque([*state.held, *state.unit])
        if left:
            self._queue.appendleft(left)

    def _hear(self, event: Event) -> None:
        if event.worker not in self.workers:
            return
        if isinstance(event, Refused):
            raise event.error
        if isinstance(event, Died):
            self._gone(event.worker, event.why, lost=event.lost)
        elif isinstance(event, Rendered):
            self._received(event)

    def _received(self, event: Rendered) -> None:
        state = self.workers[event.worker]
        image = state.held.popleft()
        now = time.monotonic()
        state.durations.append(now - state.since)
        state.since = now
        state.frames += 1
        state.memory = event.memory
        self._frames += 1
        self._in_succession = 0
        if image.key == self._probe:
            self._probe = None
        else:
            self._known = image
            self._on_frame(event.frame)
        self._feed(event.worker)

    def _gone(self, worker: int, why: str, *, lost: bool = False) -> None:
        state = self.workers[worker]
        self.replaced.append(why)
        if state.held:
            suspect = state.held[0].key
            counts, maximum = (self._losses, MAX_LOSSES) if lost else (self._deaths, MAX_DEATHS)
            counts[suspect] += 1
            if counts[suspect] >= maximum:
                if suspect == self._probe:
                    raise PrismError(
                        f"no picture can be rendered any more, not even one that was: {why}; "
                        "finished images are kept: run the same command again to resume"
                    )
                state.held.popleft()
                self._set_aside[suspect] = why
                self._in_succession += 1
        self._dismiss(worker)
        none = not self._frames and len(self.replaced) > MAX_DEATHS * self._executor.slots()
        if (none or self._in_succession >= MAX_IN_SUCCESSION) and not self._try_known():
            raise PrismError(f"no picture could be rendered: {why}")

    def _look_for_room(self) -> None:
        """End the run if there has been no room for a single worker for too long."""
        now = time.monotonic()
        if self.workers:
            self._worked = now
        elif now - self._worked > self._limits.starting:
            raise PrismError(
                f"no room for a worker in {self._limits.starting:.0f} seconds; finished images are "
                "kept: run the same command again to resume"
            )

    def _look_for_hangs(self) -> None:
        now = time.monotonic()
        for worker, state in list(self.workers.items()):
            patience = self._limits.patience(state.durations)
            if now - state.since > patience:
                self._gone(worker, f"no picture in {patience:.0f} seconds")
