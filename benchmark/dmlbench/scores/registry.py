"""One declaration per score: its key, title, unit, range, digits, and which properties have it.

Result files, tables, pages and checks take the names, the order and the digits of scores from
here. A score of nearest neighbors needs a declaration here and a formula in
`_kernels/formulas.py`, and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from dmlbench.scores.labels import Kind

Direction = Literal["higher", "lower"]

KOBS = (
    "Kobs et al., Do Different Deep Metric Learning Losses Lead to Similar Learned Features?, 2021"
)
MUSGRAVE = "Musgrave et al., A Metric Learning Reality Check, 2020"
WANG = (
    "Wang and Isola, Understanding Contrastive Representation Learning through Alignment and "
    "Uniformity on the Hypersphere, 2020"
)
ZHANG = "Zhang et al., Threshold-Consistent Margin Loss for Open-World Deep Metric Learning, 2024"


@dataclass(frozen=True)
class ScoreDeclaration:
    """What is known of a score before it is computed.

    Attributes:
        key: its name in result files, in code and in the API.
        title: its name in tables and on pages.
        source: the section of the protocol and the paper that define it.
        digits: digits behind the point in tables.
        unit: unit of its values; None for a score without a unit.
        lowest, highest: bounds of its range; intervals are cut off there.
        proportion: whether it is a share of queries or of pairs, so that its interval is one of a
            proportion (`jackknife.proportion_interval`).
        kinds: the kinds of property that have it.
        within_class: whether only properties other than the class have it, where there is a class.
        required: whether a result file has to state it, if only to say that there is none. Files
            of before a score existed stay valid where it is not.
        direction: whether a higher or a lower value means that embeddings depend more on the
            property or on the swept group of factors, or that a map is more faithful.
        reading: how to read its values, for the note below a table; empty where another
            score's reading covers it.
        short_title: its name where space is short; empty where that is the title.
    """

    key: str
    title: str
    source: str
    digits: int = 3
    unit: str | None = None
    lowest: float = -math.inf
    highest: float = 1.0
    proportion: bool = False
    kinds: tuple[Kind, ...] = get_args(Kind)
    within_class: bool = False
    required: bool = False
    direction: Direction = "higher"
    reading: str = ""
    short_title: str = ""

    @property
    def short(self) -> str:
        """The name where space is short."""
        return self.short_title or self.title


_RETRIEVAL_READING = "1 is perfect, chance is about the label's share of the images"
_MAP_READING = "1 is perfect, chance is well below the label's share of the images"

PAIR_SCORES = (
    ScoreDeclaration(
        "roc_auc",
        "ROC-AUC",
        source="protocol 8",
        lowest=0.0,
        proportion=True,
        reading="is a pair of images with the same label nearer than one with different labels? 1 "
        "is always, 0.5 is chance",
    ),
    ScoreDeclaration(
        "eer",
        "EER",
        source="protocol 8",
        lowest=0.0,
        proportion=True,
        direction="lower",
        reading="the error of the threshold that rejects as many pairs with the same label as it "
        "accepts others; 0 is perfect, 0.5 is chance",
    ),
    ScoreDeclaration(
        "tpr_at_fpr_1e-3",
        "TPR at FPR 1e-3",
        source="protocol 8",
        lowest=0.0,
        proportion=True,
        reading="how many pairs with the same label a threshold accepts that accepts one in 1,000 "
        "others; 0.001 is chance",
    ),
    ScoreDeclaration(
        "opis",
        "OPIS",
        source=f"protocol 8; {ZHANG}",
        digits=4,
        lowest=0.0,
        highest=0.25,
        direction="lower",
        reading="how differently one threshold works over labels; 0 is alike for all, well or "
        "badly",
    ),
    ScoreDeclaration(
        "alignment",
        "alignment",
        source=f"protocol 8; {WANG}",
        unit="squared distance",
        lowest=0.0,
        highest=4.0,
        direction="lower",
        reading="the mean squared distance of pairs with the same label; 0 is one point, which a "
        "collapsed model has, too",
    ),
)
"""Scores of the pairs of images of a property."""

PROPERTY_SCORES = (
    ScoreDeclaration(
        "nr_precision",
        "NR-Precision",
        source=f"protocol 3; {KOBS}",
        required=True,
        digits=2,
        unit="standard deviations of a random embedding's R-Precision",
        highest=math.inf,
    ),
    ScoreDeclaration(
        "nr_precision_paper",
        "NR-Precision (paper)",
        source=f"protocol 3; released code of {KOBS}",
        digits=2,
        unit="standard deviations of a random embedding's R-Precision",
        highest=math.inf,
        reading="as in the released code of Kobs et al., of embeddings that are not normalized and "
        "of at most 1,023 neighbors",
    ),
    ScoreDeclaration("arp", "ARP", source="protocol 3", required=True),
    ScoreDeclaration(
        "r_precision",
        "R-Precision",
        source=f"protocol 3; {MUSGRAVE}",
        required=True,
        lowest=0.0,
        reading=_RETRIEVAL_READING,
    ),
    ScoreDeclaration(
        "map_at_r",
        "MAP@R",
        source=f"protocol 3; {MUSGRAVE}",
        required=True,
        lowest=0.0,
        reading=_MAP_READING,
    ),
    ScoreDeclaration(
        "precision_at_1",
        "precision@1",
        source="protocol 3",
        required=True,
        lowest=0.0,
        proportion=True,
        reading=_RETRIEVAL_READING,
        short_title="P@1",
    ),
    ScoreDeclaration(
        "ami",
        "AMI",
        source="protocol 3; Vinh et al., 2010",
        reading="k-means against the labels, 0 is chance (in a sweep, of labels that vary within "
        "scenes); NMI is not adjusted for it",
    ),
    ScoreDeclaration("nmi", "NMI", source="protocol 3", lowest=0.0),
    ScoreDeclaration(
        "distance_spearman",
        "Spearman of distances",
        source="protocol 3; Mantel, 1967",
        lowest=-1.0,
        kinds=("linear", "cyclic"),
        reading="of those in the embedding and those in the property",
    ),
    ScoreDeclaration(
        "arp_within_class",
        "ARP within class",
        source="protocol 3.1",
        within_class=True,
        reading="among the images of one class, such as one car model",
    ),
    ScoreDeclaration(
        "decodability",
        "decodability",
        source="protocol 3.1",
        required=True,
        digits=2,
        reading="the share of its variance (of the log-likelihood of categories) that a linear "
        "probe reads off embeddings, near or not; 1 is all, 0 nothing",
    ),
    *PAIR_SCORES,
)
"""Scores of a property, in the order of the columns of tables."""

EMBEDDING_SCORES = (
    ScoreDeclaration(
        "effective_rank",
        "effective rank",
        source="protocol 8; Roy and Vetterli, The effective rank, 2007",
        digits=1,
        unit="dimensions",
        lowest=1.0,
        highest=math.inf,
        reading="how many dimensions embeddings fill; 1 is collapsed",
    ),
    ScoreDeclaration(
        "uniformity",
        "uniformity",
        source=f"protocol 8; {WANG}",
        digits=2,
        lowest=-math.inf,
        highest=0.0,
        direction="lower",
        reading="how evenly they spread over all directions; lower is more, 0 is collapsed",
    ),
    ScoreDeclaration(
        "hubness",
        "hubness",
        source="protocol 8; Radovanovic et al., Hubs in Space, 2010",
        digits=2,
        highest=math.inf,
        direction="lower",
        reading="whether few images are among the 10 nearest of many; 0 is none",
    ),
)
"""Scores of the embeddings whatever the properties."""

INTERVENTION_SCORES = (
    ScoreDeclaration(
        "sensitivity",
        "sensitivity",
        source="protocol 3.1",
        digits=2,
        unit="distance to another car",
        lowest=0.0,
        highest=math.inf,
    ),
    ScoreDeclaration(
        "retrieval_under_intervention",
        "same car first",
        source="protocol 3.1",
        digits=2,
        lowest=0.0,
        proportion=True,
        direction="lower",
    ),
    ScoreDeclaration(
        "response",
        "response",
        source="protocol 8",
        digits=2,
        unit="distance to another car",
        lowest=0.0,
        highest=math.inf,
    ),
    ScoreDeclaration(
        "response_retrieval",
        "same car after the change",
        source="protocol 8",
        digits=2,
        lowest=0.0,
        proportion=True,
        direction="lower",
    ),
)
"""Scores of a sweep dataset; the last two by factor and size of the change."""

PETSIUK = "Petsiuk et al., RISE, 2018"

MAP_SCORES = (
    ScoreDeclaration(
        "deletion",
        "deletion",
        source=f"protocol 8; {PETSIUK}",
        lowest=-1.0,
        reading="how far the distance moves as the most salient pixels are blurred first, minus "
        "that in a random order; above 0 the map finds pixels that matter",
    ),
    ScoreDeclaration(
        "insertion",
        "insertion",
        source=f"protocol 8; {PETSIUK}",
        lowest=-1.0,
        direction="lower",
        reading="how far the distance is from that of the image as the most salient pixels of a "
        "blurred image are revealed first, minus that in a random order; below 0 the map finds "
        "pixels that suffice",
    ),
    ScoreDeclaration(
        "localization",
        "localization",
        source="protocol 8",
        lowest=0.0,
        reading="in a sweep, how often a pixel that the intervention changed is more salient than "
        "one that stayed (AUC); 0.5 is chance",
    ),
    ScoreDeclaration(
        "randomization",
        "randomization",
        source="protocol 8; Adebayo et al., Sanity Checks for Saliency Maps, 2018",
        lowest=-1.0,
        direction="lower",
        reading="correlation of the maps with those of the same network with all weights random; a "
        "map that stays the same (1) says nothing of what the model has learned",
    ),
)
"""Scores that tell whether saliency maps are faithful."""

_BY_KEY = {
    score.key: score
    for score in (*PROPERTY_SCORES, *EMBEDDING_SCORES, *INTERVENTION_SCORES, *MAP_SCORES)
}


def declared(key: str) -> ScoreDeclaration:
    """Return the declaration of a score.

    Raises:
        KeyError: no score has this key.

    >>> declared("map_at_r").title, declared("nr_precision").digits
    ('MAP@R', 2)
    """
    return _BY_KEY[key]


MAIN = declared("nr_precision")
"""The score that models are compared by."""
PAPER = declared("nr_precision_paper")
"""The score of the tables of the paper."""
ADJUSTED = declared("arp")
"""The score that compares datasets of different size."""
WITHIN_CLASS = declared("arp_within_class")
DECODABILITY = declared("decodability")
RESPONSE, RESPONSE_RETRIEVAL = declared("response"), declared("response_retrieval")
RETRIEVAL = tuple(map(declared, ("precision_at_1", "r_precision", "map_at_r")))
"""The scores that papers on metric learning report, in their order."""


def scores_of(kind: Kind, *, within_class: bool) -> tuple[ScoreDeclaration, ...]:
    """Return the scores of a property of this kind, in the order of result files.

    Scores within the class come last, as only some datasets have them.

    Args:
        within_class: whether there is a class, and the property is another one.

    >>> [score.key for score in scores_of("linear", within_class=True)][-3:]
    ['opis', 'alignment', 'arp_within_class']
    """
    applicable = [score for score in PROPERTY_SCORES if kind in score.kinds]
    everywhere = [score for score in applicable if not score.within_class]
    inside = [score for score in applicable if score.within_class and within_class]
    return (*everywhere, *inside)


def readings(scores: tuple[ScoreDeclaration, ...]) -> str:
    """Return a sentence per reading of these scores; scores with the same reading share one.

    >>> readings((declared("precision_at_1"), declared("r_precision")))
    "Precision@1, R-Precision: 1 is perfect, chance is about the label's share of the images."
    """
    return " ".join(_sentences(scores))


def _sentences(scores: tuple[ScoreDeclaration, ...]) -> Iterator[str]:
    titles_by_reading: dict[str, list[str]] = {}
    for score in scores:
        if score.reading:
            titles_by_reading.setdefault(score.reading, []).append(score.title)
    for reading, titles in titles_by_reading.items():
        sentence = f"{', '.join(titles)}: {reading}."
        yield sentence[0].upper() + sentence[1:]
