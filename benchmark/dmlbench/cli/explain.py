"""Define the command dmlbench explain."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from dmlbench.cli.options import DeviceOptions, MethodOptions, ModelArguments, Seed
from dmldata.common.errors import InputError
from dmldata.common.option_groups import expand_options
from dmldata.common.options import AsJson
from dmldata.common.output import say
from dmldata.common.progress import progress_bar

PICTURE = Path("pair.png")


@expand_options
def explain(
    reference: Annotated[
        str, typer.Argument(metavar="MODEL", help="A model, as for 'dmlbench evaluate'.")
    ],
    first: Annotated[Path, typer.Argument(metavar="IMAGE", help="Image file.")],
    second: Annotated[Path, typer.Argument(metavar="OTHER", help="Another image file.")],
    *,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            "--out",
            help="File to write: .png (both images and their maps side by side) or .npz (the maps "
            "as arrays); can be repeated. By default pair.png.",
            show_default=False,
        ),
    ] = None,
    model: ModelArguments,
    map_options: MethodOptions,
    seed: Seed = 0,
    on: DeviceOptions,
    as_json: AsJson = False,
) -> None:
    """Show which pixels decide how near two images are to a model.

    The map of each image explains the distance between its embedding and that of the other.
    """
    import numpy as np

    from dmlbench.cli.values import check_output, noisy_copies
    from dmlbench.models import load_model
    from dmlbench.models.execution import pick_device
    from dmlbench.present.pair_gallery import distance_text, pair_picture
    from dmlbench.results.arrays import write_arrays
    from dmlbench.saliency import MapSettings, explain_pair, method_named, resolve_precision
    from dmlbench.sources.decode import read_photograph
    from dmldata.common.files import write_atomic

    files = out or [PICTURE]
    for file in files:
        check_output(file, "--out", (".png", ".npz"))
    options = model.parse(seed)
    method_named(map_options.method)
    samples = noisy_copies(map_options.samples, "--samples")
    precision = resolve_precision(map_options.precision, pick_device(on.device))
    paths = (first, second)
    images = [read_photograph(path) for path in paths]
    if images[0].size == images[1].size and images[0].tobytes() == images[1].tobytes():
        raise InputError(f"{second}: is the same image as {first}; valid: two images that differ")
    loaded = load_model(reference, options=options)
    if loaded.no_maps is not None:
        raise InputError(f"{reference}: no saliency maps: {loaded.no_maps}")
    with progress_bar("explain the pair", 2, quiet=as_json) as bar:
        settings = MapSettings(
            **(vars(map_options) | {"precision": precision, "samples": samples}),
            seed=seed,
            device=on.device,
            chunk=on.batch_size,
            progress=bar.advance,
        )
        explained = explain_pair(loaded, images, [path.stem for path in paths], settings=settings)
    geometries = [loaded.preprocessing.geometry(*image.size) for image in images]
    apart = distance_text(loaded.distance, float(explained.distances[0]))
    for file in files:
        if file.suffix == ".npz":
            places = np.array([dataclasses.astuple(geometry) for geometry in geometries], np.int64)
            names = np.array([str(path) for path in paths], np.str_)
            write_arrays(file, {"images": names, **vars(explained), "geometry": places})
        else:
            names_of_images = [path.name for path in paths]
            title = f"{loaded.id}: {apart}"
            write_atomic(
                file, pair_picture(images, names_of_images, explained.maps, geometries, title)
            )
    if as_json:
        content = {
            "model": loaded.id,
            "distance": loaded.distance,
            "distances": explained.distances.tolist(),
            "files": [str(file) for file in files],
        }
        say(json.dumps(content, indent=1, ensure_ascii=False))
        return
    for note in loaded.notes:
        say(f"note: {note}")
    say(f"{apart}; written: {', '.join(map(str, files))}")
