"""How often intervals, chance and tests are right, on data whose answer is known.

    python measurements/validity.py TABLE [SEEDS]

Prints one table of docs/validity.md. TABLE is

- best: of fourteen equal models, or with one better: which may be the best,
- groups: tests of two groups of losses without a difference, with and without dependence on MAP@R,
- together: tests of two groups of ten losses over eleven properties that go together: false
  positives and power of both corrections, and of the test of spread,
- coverage: of neighbor, cluster and distance scores: how often ci95 covers the mean over all
  datasets; in brackets that mean, and the width of the intervals over the right one,
- width: the width of the intervals of ARP over the right one, by the signal (mean ARP in brackets),
- chance: how often scores of embeddings that know nothing of the property lie outside chance,
- pairs: both of scores of verification, and the coverage of those of the embeddings' shape,
- response: coverage of response curves,
- decodability: probes of labels that are unrelated to the embedding, and of labels that show in it,
- representations: coverage of CKA, RSA and Procrustes of two models,
- faithfulness: deletion and insertion of random maps,
- maps: coverage of localization and of the correlation with maps of random weights.

SEEDS (200) is the number of datasets per row.
"""

import sys

from validity_decodability import decodability
from validity_faithfulness import faithfulness
from validity_maps import maps
from validity_models import best, groups
from validity_representations import representations
from validity_scores import chance, coverage, pairs, response, width
from validity_together import together

TABLES = {
    "best": best,
    "groups": groups,
    "together": together,
    "coverage": coverage,
    "width": width,
    "chance": chance,
    "pairs": pairs,
    "response": response,
    "decodability": decodability,
    "representations": representations,
    "faithfulness": faithfulness,
    "maps": maps,
}


def main() -> None:
    """Print the table that the command line names."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in TABLES:
        raise SystemExit(f"table '{name}'; valid: {', '.join(TABLES)}")
    TABLES[name](int(sys.argv[2]) if len(sys.argv) > 2 else 200)


if __name__ == "__main__":
    main()
