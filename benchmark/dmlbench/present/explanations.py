"""Where the documentation explains the tables and figures of a page."""

from __future__ import annotations

from typing import NamedTuple


class Explanation(NamedTuple):
    """A heading of a page of the documentation, both as they are named there."""

    file: str
    heading: str


EXPLANATIONS = {
    "page": Explanation("docs/comparing.md", "The page"),
    "best": Explanation("docs/comparing.md", "Which model is best"),
    "differences": Explanation("docs/comparing.md", "Pairs of models"),
    "clusters": Explanation("docs/comparing.md", "Clusters"),
    "groups": Explanation("docs/comparing.md", "Two groups"),
    "representations": Explanation("docs/comparing.md", "Are the embeddings alike?"),
    "leaderboard": Explanation("docs/comparing.md", "A leaderboard"),
    "scores": Explanation("docs/scores.md", "NR-Precision"),
    "others": Explanation("docs/scores.md", "Neighbors of an image"),
    "verification": Explanation("docs/scores.md", "Pairs of images"),
    "geometry": Explanation("docs/scores.md", "Shape of the embeddings"),
    "interventions": Explanation("docs/scores.md", "Sweeps: changing one group of factors"),
    "responses": Explanation("docs/scores.md", "response"),
    "faithfulness": Explanation("docs/scores.md", "Are saliency maps faithful?"),
    "equal": Explanation("docs/scores.md", "Equal MAP@R"),
    "neighbors": Explanation("docs/scores.md", "Pair maps"),
    "maps": Explanation("docs/saliency.md", "Saliency maps"),
    "bounds": Explanation("docs/protocol.md", "4. Pixels: saliency of an embedding"),
    "study": Explanation("docs/studies.md", "Findings"),
    "conditions": Explanation("docs/studies.md", "Conditions"),
    "training": Explanation("docs/training.md", "What is written"),
}
"""By what is explained."""
