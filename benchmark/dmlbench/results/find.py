"""Find finished results in folders, check them, and select those of one dataset."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dmlbench.results.files import PairsFile, PropertiesFile, RunFile, SaliencyFile
from dmlbench.results.folder import PAIRS, PROPERTIES, RUN, SALIENCY, Maps, ResultFolder
from dmldata.common.errors import InputError

FINGERPRINT = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Result:
    """The result of one model on one dataset.

    Attributes:
        saliency: None if no maps were made.
        pairs: None if no maps of pairs were made, or if the result is older than they are.
    """

    folder: ResultFolder
    run: RunFile
    properties: PropertiesFile
    saliency: SaliencyFile | None
    pairs: PairsFile | None = None

    @property
    def model(self) -> str:
        """Id of the model."""
        return self.run.model.id

    def maps(self) -> Maps:
        """Read maps.npz; valid only if `saliency` is not None."""
        assert self.saliency is not None
        return self.folder.read_maps(self.saliency)

    def pair_maps(self) -> Maps:
        """Read pairs.npz; valid only if `pairs` is not None."""
        assert self.pairs is not None
        return self.folder.read_maps(self.pairs)


def load_result(path: Path) -> Result:
    """Read a finished results folder, checking its files against the digests in run.json.

    Raises:
        InputError: the folder is incomplete, altered or not valid.
    """
    folder = ResultFolder(path)
    run = folder.read_run()
    for name in (PROPERTIES, SALIENCY, PAIRS):
        if name in run.files:
            folder.check(name, run.files[name])
    saliency = folder.read_saliency() if SALIENCY in run.files else None
    pairs = folder.read_pairs() if PAIRS in run.files else None
    return Result(folder, run, folder.read_properties(), saliency, pairs)


def is_fingerprint(data: str) -> bool:
    """Return whether a text is a dataset fingerprint or the beginning of one, not a path.

    >>> is_fingerprint("91c839"), is_fingerprint("paper")
    (True, False)
    """
    return re.fullmatch(r"[0-9a-f]{1,16}", data) is not None and not Path(data).exists()


def find_results(paths: Iterable[Path], data: str | None = None) -> list[Result]:
    """Load the results of models on one dataset.

    Args:
        paths: results folders `OUT/<model>/<dataset>`, model folders `OUT/<model>`, or `OUT`.
            Plain files are ignored, as a shell's `results/*` may include some.
        data: fingerprint of the dataset, or its beginning; required if there are several datasets.

    Returns:
        One result per model, in the order of `paths`.

    Raises:
        InputError: there are no results, they are incomplete or of several datasets, or a model
            occurs twice.

    ```python
    for result in find_results([Path("results")]):
        print(result.run.name, result.properties.properties["paint_hue"].scores["arp"].value)
    ```
    """
    folders = _all_run_folders(paths)
    if not folders:
        raise InputError("no results given; valid: folders that dmlbench evaluate wrote")
    chosen = _of_dataset(folders, data)
    results = [load_result(path) for path in chosen]
    _check_models(results)
    return results


def models_left_out(paths: Iterable[Path], results: Iterable[Result]) -> list[str]:
    """Return ids of models that have results in `paths`, but only on other datasets."""
    all_models = {folder.resolve().parent.name for folder in _all_run_folders(paths)}
    return sorted(all_models - {result.folder.path.resolve().parent.name for result in results})


def _all_run_folders(paths: Iterable[Path]) -> list[Path]:
    folders: dict[Path, Path] = {}
    for path in paths:
        if path.is_file():
            continue
        if not path.is_dir():
            raise InputError(f"{path}: no such folder; valid: results folders of dmlbench evaluate")
        for folder in _run_folders(path):
            folders.setdefault(folder.resolve(), folder)
    return list(folders.values())


def _run_folders(path: Path) -> list[Path]:
    if _is_run_folder(path):
        return [path]
    for pattern in ("*", "*/*"):
        run_folders = [child for child in sorted(path.glob(pattern)) if _is_run_folder(child)]
        if run_folders:
            return run_folders
    raise InputError(f"{path}: holds no results; valid: folders that dmlbench evaluate wrote")


def _is_run_folder(path: Path) -> bool:
    named = FINGERPRINT.fullmatch(path.resolve().name) is not None
    return path.is_dir() and (named or (path / RUN).is_file())


def _of_dataset(folders: list[Path], data: str | None) -> list[Path]:
    """Select the folders of one dataset; an incomplete folder is identified by its name alone."""
    titles: dict[str, str] = {}
    fingerprints: dict[Path, str] = {}
    for path in folders:
        fingerprint, name = path.resolve().name, "incomplete"
        if (path / RUN).is_file():
            dataset = ResultFolder(path).read_run().dataset
            fingerprint, name = dataset.fingerprint, dataset.name
        fingerprints[path] = fingerprint
        titles[fingerprint] = f"{fingerprint} ({name})"
    matching = sorted(name for name in titles if name.startswith(data or ""))
    if not matching:
        raise InputError(f"no results on dataset '{data}'; valid: {', '.join(titles.values())}")
    if len(matching) > 1:
        raise InputError(
            f"results of {len(matching)} datasets: {', '.join(titles[name] for name in matching)}; "
            "choose one with --data"
        )
    return [path for path in folders if fingerprints[path] == matching[0]]


def _check_models(results: list[Result]) -> None:
    by_model: dict[str, Result] = {}
    for result in results:
        earlier = by_model.setdefault(result.model, result)
        if earlier is not result:
            raise InputError(
                f"model '{result.model}' occurs twice: {earlier.folder.path} and "
                f"{result.folder.path}"
            )
