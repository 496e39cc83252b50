"""The results folder of one model on one dataset: what its files hold, and how they are read.

It lies at `OUT/<model id>/<dataset fingerprint>/`:

embeddings.npy   float32 [N, D], rows in the order of the dataset
properties.json  step 2, of these embeddings
maps.npz         step 1: saliency maps of some of the images, under two noise draws
saliency.json    which images, which settings, what can be said of this model's maps alone
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
