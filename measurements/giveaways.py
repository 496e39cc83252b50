"""What gives pictures away: sheets of unpicked pictures to judge, and a count of the judgments.

    python measurements/giveaways.py SEED FOLDER
    python measurements/giveaways.py TALLY.md

The first renders the first 60 images of the recipe `photo` with SEED, which whoever judges chooses
(384 x 288 pixels, preset standard, none left out), and writes numbered sheets of twelve at full
size and an empty tally into FOLDER. To judge, look at every picture for at most five seconds and
write down the first thing that shows that it is no photograph, in a few words, with its cause
before a colon (`plate: blank`), or `none`. The judge has not seen the scenes being made.

The second counts the causes of a tally that is filled in.
"""

import sys
from collections import Counter
from pathlib import Path

from PIL import Image, ImageDraw

from dmldata import open_dataset
from dmlgen.planning.draw import make_plan
from dmlgen.planning.presets import Engine
from dmlgen.planning.recipe import load_recipe
from dmlgen.rendering.run import render

IMAGES, COLUMNS, ROWS = 60, 3, 4
SIZE = 384, 288
CAPTION = 16
"""Pixels above each picture for its number."""


def make_sheets(seed: int, folder: Path) -> None:
    """Render the pictures and write `sheet-N.png` and `tally.md`."""
    plan = make_plan(load_recipe("photo"), seed=seed, count=IMAGES)
    render(plan, Engine("standard", SIZE, "cpu"), folder / "data")
    items = sorted(open_dataset(str(folder / "data")).samples_iter(), key=lambda item: item.key)
    width, height = SIZE[0] + 4, SIZE[1] + CAPTION + 4
    for start in range(0, IMAGES, COLUMNS * ROWS):
        sheet = Image.new("RGB", (COLUMNS * width, ROWS * height), "white")
        draw = ImageDraw.Draw(sheet)
        for place, item in enumerate(items[start : start + COLUMNS * ROWS]):
            x, y = place % COLUMNS * width, place // COLUMNS * height
            draw.text((x + 2, y + 2), str(start + place + 1), fill="black")
            sheet.paste(item.image, (x, y + CAPTION))
        sheet.save(folder / f"sheet-{start // (COLUMNS * ROWS) + 1}.png")
    rows = [f"| {number} | |" for number in range(1, IMAGES + 1)]
    lines = [f"Seed {seed}.", "", "| picture | first giveaway |", "|---|---|", *rows]
    (folder / "tally.md").write_text("\n".join(lines) + "\n")


def count(tally: Path) -> None:
    """Print how many pictures have no giveaway, and how many each cause gives away."""
    cells = [line.split("|")[1:3] for line in tally.read_text().splitlines() if "|" in line]
    judged = {number.strip(): words.strip() for number, words in cells if number.strip().isdigit()}
    if len(judged) != IMAGES or not all(judged.values()):
        sys.exit(f"{tally}: has {sum(map(bool, judged.values()))} judgments; valid: {IMAGES}")
    causes = Counter(words.split(":")[0].lower() for words in judged.values())
    print("| cause | pictures | share |\n|---|---|---|")
    for cause, pictures in causes.most_common():
        print(f"| {cause} | {pictures} | {pictures / IMAGES:.0%} |")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        make_sheets(int(sys.argv[1]), Path(sys.argv[2]))
    else:
        count(Path(sys.argv[1]))
