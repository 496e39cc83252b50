"""Write what the study says into its page: docs/study.md, from docs/study/study.json.

    python measurements/study_page.py

`dmlbench study` made study.json. The size of the study, its answers with their figures and the
table of the paper's findings go between the two marks of the page, so that no number there is
written by hand.
"""

from collections.abc import Iterator
from pathlib import Path

from dmlbench.present.paper_claims import paper_table
from dmlbench.present.study_answers import study_answers
from dmlbench.present.study_files import study_scale
from dmlbench.present.table_writers import markdown_table
from dmlbench.study.findings import Findings

DOCS = Path(__file__).resolve().parents[1] / "docs"
BEGIN, END = "<!-- made by measurements/study_page.py -->\n", "<!-- end of what is made -->\n"


def parts(findings: Findings) -> Iterator[str]:
    """Yield the paragraphs that the page shows of a study."""
    yield study_scale(findings)
    for answer in study_answers(findings):
        yield f"### {answer.question}"
        yield answer.markdown
        for figure in answer.figures:
            yield f"![{figure.title}](study/figures/{figure.name}.png)"
            yield figure.text
    yield "### Beside the paper"
    yield markdown_table(paper_table(findings))


def page() -> str:
    """Return the page with the results of now."""
    findings = Findings.model_validate_json((DOCS / "study" / "study.json").read_text())
    before, rest = (DOCS / "study.md").read_text().split(BEGIN)
    _, after = rest.split(END)
    made = "\n\n".join(parts(findings))
    return f"{before}{BEGIN}{made}\n{END}{after}"


if __name__ == "__main__":
    (DOCS / "study.md").write_text(page())
