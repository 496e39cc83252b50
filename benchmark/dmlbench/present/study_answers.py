"""The questions that a study answers, each with its sentences and the figures that show them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dmlbench.present.figures import Drawn
from dmlbench.present.heat_maps import Grid
from dmlbench.present.study_dot_plots import study_dot_plots
from dmlbench.present.study_heat_maps import study_grids
from dmlbench.present.study_line_plots import study_line_plots
from dmlbench.present.study_sentences import TOPICS
from dmlbench.study.findings import Findings


@dataclass(frozen=True)
class StudyFigure:
    """A figure of a study.

    Attributes:
        name: of its files.
        text: what it shows.
        explained: key of `EXPLANATIONS`.
    """

    name: str
    title: str
    text: str
    explained: str
    drawn: Drawn

    @property
    def is_table(self) -> bool:
        """Whether it is a heat map, which a page shows as a table of colors."""
        return isinstance(self.drawn, Grid)


@dataclass(frozen=True)
class Answer:
    """What a study says to a question.

    Attributes:
        key: key of the question, and its anchor on the page.
    """

    key: str
    question: str
    sentences: tuple[str, ...]
    figures: tuple[StudyFigure, ...]

    @property
    def markdown(self) -> str:
        """The sentences as a list."""
        return "\n".join(f"- {sentence}" for sentence in self.sentences)


_FIGURES = {
    "groups": {
        "nr_precision": (
            "Every loss at its best epoch, mean over folds. Each property has colors of its own, "
            "up to the largest of the trained losses and the untrained network.",
            "scores",
        ),
        "equal_map_at_r": (
            "Losses at the highest validation MAP@R that all of them reached, mean over folds "
            "with the 95 % interval of other images, and broad the standard deviation over the "
            "folds, which are few; dotted, the untrained network.",
            "equal",
        ),
    },
    "training": {
        "trajectories": (
            "A line per loss over the epochs whose models were kept in all folds, mean over folds; "
            "dots, the best epochs; squares, the untrained network. Levels of folds differ. "
            "Nothing is drawn between the untrained network and the first epoch that was kept.",
            "equal",
        ),
    },
    "interventions": {
        "interventions": (
            "How far a change of one group of factors alone moves an embedding, over the distance "
            "to another car in another scene that shares the values of that group; mean over "
            "folds with the 95 % interval of other scenes, and broad the standard deviation over "
            "the folds; dotted, the untrained network.",
            "interventions",
        ),
        "responses": (
            "The same by the size of the change in one factor. The other factors of its group "
            "change along, so no panel shows what its factor does alone. A line per loss, mean "
            "over folds; dashed, the untrained network.",
            "responses",
        ),
    },
    "maps": {
        "saliency_correlations": (
            "Pearson's r of the maps of every two models of one fold; on the diagonal, of a model "
            "with itself under other noise. Colors begin at what maps of other images give; below, "
            "all are the palest.",
            "bounds",
        ),
        "faithfulness": (
            "Whether the maps show what the model does, with the 95 % interval of other images: "
            "deletion above 0 and insertion below 0 are better than a random order of the pixels. "
            "Maps depend on the weights where they correlate with those of the same network with "
            "random weights no more than with its maps of other images (mark).",
            "faithfulness",
        ),
    },
    "agreement": {
        "agreement": (
            "How far two models agree: a dot per pair of losses of one fold or of different ones, "
            "and of a loss beside itself; dotted and dashed, the bounds of maps. What a loss "
            "leaves in a model shows in how much nearer it is to itself than to other losses "
            "of another fold, which has other classes, batches and first proxies; a condition with "
            "another seed says what chance changes.",
            "representations",
        ),
    },
}
"""By key of the question its figures: what each shows, and the key of its explanation."""


def study_answers(findings: Findings) -> list[Answer]:
    """Return the answers of a study, without questions that it says nothing to."""
    drawn = dict(_drawn(findings))
    answers = []
    for key, topic in TOPICS.items():
        figures = [
            StudyFigure(name, drawn[name][0], text, explained, drawn[name][1])
            for name, (text, explained) in _FIGURES.get(key, {}).items()
            if name in drawn
        ]
        sentences = tuple(topic.sentences(findings))
        answer = Answer(key, topic.question, sentences, tuple(figures))
        if answer.sentences or answer.figures:
            answers.append(answer)
    return answers


def _drawn(findings: Findings) -> Iterator[tuple[str, tuple[str, Drawn]]]:
    """Yield the name of each figure of a study, its title and what is drawn."""
    for name, title, grid in study_grids(findings):
        yield name, (title, grid)
    for name, dots in study_dot_plots(findings):
        yield name, (dots.title, dots)
    for name, lines in study_line_plots(findings):
        yield name, (lines.title, lines)
