"""What both steps of an evaluation work with: the model, the dataset, the folder, and a clock."""

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

from dmlbench.evaluate import provenance
from dmlbench.evaluate.executor import Executor
from dmlbench.evaluate.tasks import Progress, Task
from dmlbench.models import LoadedModel
from dmlbench.results.blocks import SECONDS, Arrays, Blocks, unfinished
from dmlbench.results.files import Settings, Step, Subject
from dmlbench.results.folder import ResultFolder
from dmlbench.sources import ImageSource
from dmldata.common import console
from dmldata.common.errors import InputError, PrismError

Say = Callable[[str], None]
Stored = TypeVar("Stored")
Content = TypeVar("Content", bound=BaseModel)


@dataclass(frozen=True)
class Workbench:
    """One evaluation under way.

    Attributes:
        folder: where the results go.
        subject: what is measured.
        executor: works on the blocks.
        say: told, in one line each, what is reused and what is made again.
        quiet: no progress bars.
        made: how each part was made that this evaluation made.
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

    def left(self, name: str, read: Callable[[], Stored]) -> Stored | None:
        """What an earlier call left in a file, if it is whole and of this model on this dataset."""
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
        """Finished blocks of a part that is decided by the subject and these."""
        return Blocks(self.folder.path, part, self.subject, *decided_by)

    def finish(
        self, task: Task, keys: Sequence[str], size: int, blocks: Blocks, progress: Progress
    ) -> list[Arrays]:
        """The arrays of all blocks of these images: those that an interrupted call left, and the
        rest, kept as they are made."""
        finished = blocks.read()
        todo = list(unfinished(keys, size, finished))
        reused = len(keys) - sum(map(len, todo))
        if reused:
            self.say(f"{task.makes}: {reused} images taken from an interrupted call")
            progress(task.passes * reused)
        began = time.perf_counter()
        for made in self.executor.run(task, todo, progress):
            now = time.perf_counter()
            block = {**made, SECONDS: np.array(now - began)}
            blocks.write(block)
            finished.append(block)
            began = now
        return finished

    def progress(self, description: str, total: int | None) -> AbstractContextManager[Any]:
        """A progress bar, if any is wanted."""
        return console.progress(description, total, quiet=self.quiet)

    @contextmanager
    def step(self, part: str) -> Iterator[None]:
        """Work on one part of the results; noted in `made` when it is done.

        Raises:
            PrismError: the device has not enough memory.
        """
        start = time.perf_counter()
        try:
            yield
        except torch.OutOfMemoryError as error:
            raise PrismError(
                f"{self.loaded.reference}: out of memory on device '{self.settings.device}'; "
                "give a smaller --batch-size"
            ) from error
        self.made[part] = Step(
            finished=provenance.now(),
            seconds=round(time.perf_counter() - start, 3),
            versions=provenance.versions(),
            hardware=provenance.hardware(self.settings.device),
        )


def changes(before: BaseModel, after: BaseModel) -> str:
    """Which settings differ, for a reader."""
    old, new = before.model_dump(), after.model_dump()
    return ", ".join(f"{key}: {new[key]}, was {old[key]}" for key in new if new[key] != old[key])


def from_json(kind: type[Content], content: dict[str, Any]) -> Content:
    """Checked as a file is checked, so that what is written can be read back."""
    return kind.model_validate_json(json.dumps(content, default=_plain))


def _plain(value: BaseModel) -> dict[str, Any]:
    return value.model_dump(mode="json")
