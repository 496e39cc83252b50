"""README.md of a dataset: the dataset card with YAML header, varied factors and origin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import yaml

from dmldata.card.attribution import PAPER
from dmldata.card.hub import hub_metadata
from dmldata.card.licenses import license_name, license_url
from dmldata.card.markdown import as_markdown, code_block, link, one_paragraph
from dmldata.contract.decode import MAX_DEPTH, NORMAL_SCALE, NORMAL_ZERO
from dmldata.contract.factors import Factor
from dmldata.contract.manifest import Manifest
from dmldata.contract.parts import Part

if TYPE_CHECKING:
    import pyarrow as pa


EXAMPLES_FILE = "examples.jpg"
_FILES = {
    "mask.png": f" ({', '.join(f'{part.value} {part.name.lower()}' for part in Part)})",
    "depth.png": f" (16-bit: millimeters along the camera's axis, at most {MAX_DEPTH})",
    "normal.png": f" ({NORMAL_ZERO} + {NORMAL_SCALE} times x right, y up, z to the camera)",
    "json": ", its row of `samples.parquet`",
}
"""What the files of a sample hold, by extension."""


def readme_text(manifest: Manifest, samples: pa.Table) -> str:
    """Return README.md: a YAML header for the Hugging Face Hub, then the card.

    Args:
        samples: samples.parquet, to count the images that a factor applies to.
    """
    return card_text(
        manifest,
        samples,
        header=hub_metadata(manifest),
        introduction=f"![The first images of the dataset]({EXAMPLES_FILE})",
        files=_files(manifest),
        loading=_loading(manifest),
    )


def card_text(
    manifest: Manifest,
    samples: pa.Table,
    *,
    header: Mapping[str, object],
    introduction: str,
    files: str,
    loading: str,
) -> str:
    """Return a dataset card, for files of any form.

    Args:
        samples: rows of samples.parquet, to count the images that a factor applies to.
        header: the YAML header; see `dmldata.card.hub`.
        introduction: Markdown that follows the description.
        files: Markdown that says what the files are.
        loading: Markdown that shows how to load them.
    """
    sections = [
        f"# {manifest.name} {manifest.version}\n\n{as_markdown(description(manifest))}",
        introduction,
        f"## What varies\n\n{_factor_table(manifest, samples)}",
        _constants(manifest),
        f"## Files\n\n{files}",
        f"## Loading\n\n{loading}",
        f"## Intended use and limits\n\n{_use(manifest)}",
        f"## How it was made\n\n{_made(manifest)}",
        f"## Credits and license\n\n{_rights(manifest)}",
        f"## Citation\n\n{_citation(manifest)}",
    ]
    body = "\n\n".join(section for section in sections if section)
    return f"---\n{_yaml(dict(header))}---\n\n{body}\n"


def description(manifest: Manifest) -> str:
    """Return one paragraph: the description by the maker, then facts of the manifest."""
    width, height = manifest.image_size
    of_car = manifest.of_car
    varied = ", ".join(key for key in manifest.varied if key not in of_car) or "nothing"
    labels = f" {', '.join(of_car)}: by the car model." if of_car else ""
    design = {
        "independent": f"Drawn independently for every image: {varied}.{labels}",
        "sweep": (
            f"Each scene is rendered several times with only the factors of the group "
            f"'{manifest.sweep_group}' changed. Varied over all images: {varied}.{labels}"
        ),
    }[manifest.design]
    facts = f"{manifest.images} rendered images of cars, {width} x {height} pixels. {design}"
    return one_paragraph(f"{manifest.description} {facts}")


def _factor_table(manifest: Manifest, samples: pa.Table) -> str:
    lines = [
        "| factor | group | kind | values | images a value | applies to | meaning |",
        "|---|---|---|---|---|---|---|",
    ]
    for factor in manifest.factors:
        if factor.varies:
            applies = samples.num_rows - samples[factor.key].null_count
            values, meaning = as_markdown(_values(factor)), as_markdown(factor.meaning)
            lines.append(
                f"| `{factor.key}` | {factor.group} | {factor.kind} | {values} "
                f"| {_counts(factor, samples)} | {applies} of {samples.num_rows} images "
                f"| {meaning} |"
            )
    return "\n".join(lines) if len(lines) > 2 else "Nothing: every factor is constant."


def _values(factor: Factor) -> str:
    unit = f" {factor.unit}" if factor.unit else ""
    if not factor.is_numeric:
        return f"{len(factor.values)}: {', '.join(map(str, factor.values))}"
    numbers = [float(value) for value in factor.values]
    circle = f", period {factor.period:g}" if factor.period else ""
    return f"{len(numbers)} from {min(numbers):g} to {max(numbers):g}{unit}{circle}"


def _counts(factor: Factor, samples: pa.Table) -> str:
    """Return the minimum and maximum number of images per value."""
    bins = [bin_ for bin_ in samples[f"{factor.key}_bin"].to_pylist() if bin_ is not None]
    images_by_bin = Counter(bins)
    counts = [images_by_bin[number] for number in range(len(factor.values))]
    return str(counts[0]) if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"


def _constants(manifest: Manifest) -> str:
    constant = [factor for factor in manifest.factors if not factor.varies]
    if not constant:
        return ""
    lines = [
        f"- `{factor.key}`: "
        + as_markdown(f"{factor.values[0]} {factor.unit}".strip() + f" ({factor.meaning})")
        for factor in constant
    ]
    return "Constant:\n\n" + "\n".join(lines)


def _files(manifest: Manifest) -> str:
    splits = ", ".join(f"{split} {images}" for split, images in manifest.splits.items())
    *files, row = (f"`<key>.{name}`{_FILES.get(name, '')}" for name in manifest.sample_files)
    return (
        f"Images per split: {splits}. Shards are WebDataset tar files, already shuffled. A sample "
        f"is {', '.join(files)} and {row}. A label is the index of a factor's value "
        "(`<factor>_bin`); it is null where the factor does not apply. `dataset.json` is the "
        "manifest; `sha256sum -c checksums.sha256` checks all files."
    )


def _loading(manifest: Manifest) -> str:
    split = next(iter(manifest.splits), "train")
    shards = sum(shard.split == split for shard in manifest.shards)
    # Without empty_check=False, a DataLoader worker that gets no shard raises an error.
    return (
        "```python\n"
        "import webdataset\n\n"
        f'shards = [f"FOLDER/{split}-{{number:06d}}.tar" for number in range({shards})]\n'
        "images = webdataset.WebDataset(shards, shardshuffle=False, empty_check=False)\n"
        'images = images.decode("pil").to_tuple("jpg;png", "json")\n'
        "for image, row in images:\n"
        "    ...\n"
        "```\n\n"
        f'Also in `datasets.load_dataset("FOLDER", split="{split}")`, in timm as `wds/` (split '
        f'`{split}`, `target_key="<factor>_bin"` of a factor without nulls), and, with masks, from '
        "where it was made:\n\n"
        "```python\n"
        "from dmldata import open_dataset\n\n"
        'dataset = open_dataset("FOLDER")  # or any fsspec URL\n'
        "for key, image, mask, row in dataset.samples_iter():\n"
        "    ...\n"
        "```"
    )


def _use(manifest: Manifest) -> str:
    classes = " Its car models may be trained on as classes." if "train" in manifest.splits else ""
    return (
        "To measure which properties of images the embeddings of a model are organized by, and "
        f"which pixels decide them: every property is known and was controlled.{classes}\n\n"
        "The pictures are rendered. What holds for them need not hold for photographs: there are "
        "few real car bodies, no people, no dents, no weather but sun and cloud. Properties that "
        "go together in the world (a place and its light, a car and its colors) are independent "
        "here, which is the purpose. Number plates are blank or invented."
    )


def _made(manifest: Manifest) -> str:
    return (
        f"Rendered by `dmlgen` from this recipe with seed {manifest.seed}; the same recipe, seed "
        "and versions give the same dataset again "
        f"(fingerprint `{manifest.fingerprint}`).\n\n"
        f"{code_block('yaml', _yaml(manifest.recipe))}\n\n"
        "Versions and engine settings:\n\n"
        + code_block("yaml", _yaml({"versions": manifest.versions, "engine": manifest.engine}))
    )


def _rights(manifest: Manifest) -> str:
    license = link(license_name(manifest.license), license_url(manifest.license))
    if not manifest.credits:
        return f"The dataset is under {license}. Nothing in the pictures was made by others."
    lines = [
        f"The dataset is under {license}. Works of others in the pictures (more in `CREDITS.md`):",
        "",
        "| id | title | author | license |",
        "|---|---|---|---|",
    ]
    for credit in manifest.credits:
        license = link(credit.license, credit.license_url)
        work = f"{as_markdown(credit.title)} | {as_markdown(credit.author)}"
        lines.append(f"| `{credit.id}` | {work} | {license} |")
    return "\n".join(lines)


def _citation(manifest: Manifest) -> str:
    return (
        f"{as_markdown(manifest.creator)}: {manifest.name}, version {manifest.version} "
        f"(`CITATION.cff`). Made for the protocol of: Kobs, Steininger, Dulny, Hotho, "
        f"*{PAPER['title']}*, {PAPER['collection-title']}, {PAPER['url']}"
    )


def _yaml(document: object) -> str:
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
