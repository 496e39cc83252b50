"""Size of a report, and how long its first picture takes to be there, of many models and images.

    python measurements/report_page.py [MODELS] [IMAGES]

MODELS (15) untrained ResNet-10 of different seeds on IMAGES (200) images of `datasets/paper`, with
maps of two noisy copies each: such maps are noisier than real ones and so pack worse. The page is
opened from disk in Chromium, with an empty cache. "first picture": from the start of the navigation
until a map over an image is drawn.
"""

import shutil
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from dmlbench import load_model
from dmlbench.evaluation.model_evaluation import evaluate_model
from dmlbench.present.report_page import write_report
from dmlbench.results.files import Settings
from dmlbench.sources import open_source

PAPER = Path(__file__).parent.parent / "datasets/paper"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
DRAWN = "#image-maps canvas"


def first_picture(page_file: Path) -> float:
    """Seconds."""
    program = next(filter(None, map(shutil.which, PROGRAMS)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto("about:blank")
        start = time.perf_counter()
        page.goto(page_file.as_uri(), wait_until="commit")
        page.locator(DRAWN).first.wait_for()
        seconds = time.perf_counter() - start
        browser.close()
    return seconds


def main(models: int, images: int) -> None:
    """Print one line of a table."""
    dataset = open_source(str(PAPER))
    settings = Settings(seed=0, intervals=False, chance=False, maps=images, samples=2)
    with tempfile.TemporaryDirectory() as folder:
        results = []
        for seed in range(models):
            loaded = load_model(f"timm:resnet10t?pretrained=false&seed={seed}", input_size=64)
            results.append(
                evaluate_model(
                    loaded,
                    dataset,
                    Path(folder) / "results",
                    settings,
                    name=f"model {seed + 1}",
                    say=lambda line: None,
                    quiet=True,
                )
            )
        page = Path(folder) / "report.html"
        start = time.perf_counter()
        write_report(results, dataset, page)
        written = time.perf_counter() - start
        seconds = min(first_picture(page) for _ in range(3))
        size = page.stat().st_size / 1e6
    print("| models | images with maps | written in, s | MB | first picture, s |")
    print("|---|---|---|---|---|")
    print(f"| {models} | {images} | {written:.0f} | {size:.1f} | {seconds:.2f} |")


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*given, *(15, 200)[len(given) :])
