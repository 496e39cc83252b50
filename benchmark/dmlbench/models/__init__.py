"""The model contract, and the loaders of models: one file per kind of reference."""

from dmlbench.models.contract import EmbeddingModel, LoadedModel
from dmlbench.models.load import load_model
from dmlbench.models.network import EmbeddingNetwork
from dmlbench.models.options import ModelOptions
from dmlbench.models.preprocessing import Preprocessing
from dmlbench.models.safetensors_file import save_safetensors
from dmlbench.models.stored_embeddings import StoredEmbeddings
from dmlbench.models.torchscript import save_torchscript

__all__ = [
    "EmbeddingModel",
    "EmbeddingNetwork",
    "LoadedModel",
    "ModelOptions",
    "Preprocessing",
    "StoredEmbeddings",
    "load_model",
    "save_safetensors",
    "save_torchscript",
]
