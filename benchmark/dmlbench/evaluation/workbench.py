"""The context that all steps of an evaluation share: model, dataset, folder and timing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import torch
from pydantic import BaseModel

from dmlbench.evaluation import provenance
from dmlbench.evaluation.executor import Executor, LocalExecutor
from dmlbench.evaluation.tasks import Task
from dmlbench.models import LoadedModel
from dmlbench.models.execution import pick_device
from dmlbench.results.blocks import SECONDS, Arrays, Blocks, unfinished
from dmlbench.results.files import Settings, Step, Subject
from dmlbench.results.folder import ResultFolder
from dmlbench.sources import ImageSource
from dmldata.common.errors import InputError, PrismError
from dmldata.common.output import Say
from dmldata.common.progress import Advance, progress_bar

Stored = TypeVar("Stored")
Content = TypeVar("Content", bound=BaseModel)


@dataclass(frozen=True)
class Workbench:
    """One evaluation in progress.

    Attributes:
        folder: folder that the results are written to.
        subject: the model and the dataset that are measured.
        executor: runs the blocks.
        say: called with one line for each part that is reused or computed again.
        quiet: show no progress bars.
        made: provenance of each part that this evaluation computed.
    """

    loaded: LoadedModel
    dataset: ImageSource
    settings: Settings
    folder: ResultFolder
    subject: Subject
    executor: Executor
    say: Say
    quiet: bool
    made: dict[str, Step] = field(default_factory=dict)

    @property
    def is_local(self) -> bool:
        """Whether this machine computes, and not a cluster."""
        return isinstance(self.executor, LocalExecutor)

    @property
    def local_device(self) -> torch.device:
        """The device that this machine computes on; where a cluster does, it is the CPU."""
        return pick_device(self.settings.device if self.is_local else "cpu")

    def read_earlier(self, name: str, read: Callable[[], Stored]) -> Stored | None:
        """Read a file of an earlier call; None if it is invalid or of another model or dataset."""
        if not self.folder.holds(name):
            return None
        try:
            content = read()
        except InputError as error:
            self.say(f"not reused: {error}")
            return None
        if getattr(content, "subject", self.subject) != self.subject:
            self.say(f"not reused: {self.folder.path / name}: measured with other weights")
            return None
        return content

    def blocks(self, part: str, *decided_by: BaseModel) -> Blocks:
        """Return the blocks of a part whose content the subject and `decided_by` decide."""
        return Blocks(self.folder.path, part, self.subject, *decided_by)

    def finish(
        self, task: Task, keys: Sequence[str], size: int, blocks: Blocks, progress: Advance
    ) -> list[Arrays]:
        """Return the arrays of all blocks of these images.

        Blocks of an interrupted call are reused; the others are computed and saved one by one.
        """
        finished = blocks.read()
        todo = list(unfinished(keys, size, finished))
        reused = len(keys) - sum(map(len, todo))
        if reused:
            self.say(f"{task.makes}: {reused} images reused from an interrupted call")
            progress(reused)
        began = time.perf_counter()
        for made in self.executor.run(task, todo, progress):
            now = time.perf_counter()
            block = {**made, SECONDS: np.array(now - began)}
            blocks.write(block)
            finished.append(block)
            began = now
        return finished

    def progress(self, description: str, total: int | None) -> AbstractContextManager[Any]:
        """Open a progress bar, unless `quiet`."""
        return progress_bar(description, total, quiet=self.quiet)

    @contextmanager
    def step(self, part: str) -> Iterator[None]:
        """Time the work on one part of the results and note its provenance in `made`.

        Raises:
            PrismError: the device does not have enough memory.
        """
        start = time.perf_counter()
        try:
            yield
        except torch.OutOfMemoryError as error:
            raise PrismError(
                f"{self.loaded.reference}: out of memory on device '{self.settings.device}'; "
                "use a smaller --batch-size"
            ) from error
        self.made[part] = Step(
            finished=provenance.now(),
            seconds=round(time.perf_counter() - start, 3),
            versions=provenance.versions(),
            hardware=provenance.hardware(self.local_device)
            | ({} if self.is_local else {"device": self.settings.device}),
        )


def changes(before: BaseModel, after: BaseModel) -> str:
    """Describe the settings that differ."""
    old, new = before.model_dump(), after.model_dump()
    return ", ".join(f"{key}: {new[key]}, was {old[key]}" for key in new if new[key] != old[key])


def from_json(kind: type[Content], content: dict[str, Any]) -> Content:
    """Validate content as a file is validated, so that what is written can be read back."""
    return kind.model_validate_json(json.dumps(content, default=_plain))


def _plain(value: BaseModel) -> dict[str, Any]:
    return value.model_dump(mode="json")
