"""Write what the study found into its page: docs/study.md, from docs/study/summary.md.

    python measurements/study_page.py

The summary is made by `dmlbench study` from study.json. Its size, sentences and the table of the
paper's findings go between the two marks of the page, so that no number there is written by hand.
"""

from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
BEGIN, END = "<!-- made by measurements/study_page.py -->\n", "<!-- end of what is made -->\n"


def results() -> str:
    """Return the part of the summary that the page shows."""
    _, _, scale, sentences, claims, table, *_ = (
        (DOCS / "study" / "summary.md").read_text().split("\n\n")
    )
    return "\n\n".join([scale, sentences, claims, table]) + "\n"


def page() -> str:
    """Return the page with the results of now."""
    before, rest = (DOCS / "study.md").read_text().split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}{results()}{END}{after}"


if __name__ == "__main__":
    (DOCS / "study.md").write_text(page())
