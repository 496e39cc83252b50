"""The results folder of one model on one dataset: its files and how to read them.

Its path is `OUT/<model id>/<dataset fingerprint>/`:

embeddings.npy   float32 [N, D], rows in the order of the dataset
properties.json  step 2, of these embeddings
maps.npz         step 1: saliency maps of some images, under two noise draws
saliency.json    images and settings of the maps, and scores of this model's maps alone
run.json         model, dataset, settings, versions, hardware, times; written last
"""

from dmlbench.results.find import Result, find_results, is_fingerprint, load_result, models_left_out
from dmlbench.results.folder import Maps, ResultFolder

__all__ = [
    "Maps",
    "Result",
    "ResultFolder",
    "find_results",
    "is_fingerprint",
    "load_result",
    "models_left_out",
]
