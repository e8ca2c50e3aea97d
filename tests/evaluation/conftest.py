"""A tiny model, text that it wrote itself (so that damage costs cross-entropy), and SAEs whose answers are known."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import seal
from mistudio.corpora.layout import Layout
from mistudio.corpora.tokens import SPAN_SCHEMA, SPANS, TOKENS, Tokens
from mistudio.sae.config import TopKConfig
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.sae.weights import Weights
from tests.tiny_models import VOCAB, tiny_language_model

HOOK = "resid_post.1"
D = 32


def write_tokens(folder, ids_CT, held_out):
    """A token artifact of exactly these contexts, the last `held_out` of them held out."""
    contexts, length = ids_CT.shape
    folder.mkdir()
    np.asarray(ids_CT, dtype="<u2").tofile(folder / TOKENS)
    rows = [
        {"doc": i, "name": str(i), "held_out": i >= contexts - held_out, "metadata": "{}"}
        | {"start": i * length, "end": (i + 1) * length, "tokens": length, "first_token": 0}
        for i in range(contexts)
    ]
    pq.write_table(pa.Table.from_pylist(rows, SPAN_SCHEMA), folder / SPANS)
    layout = Layout(
        context_length=length,
        contexts_train=contexts - held_out,
        contexts_held_out=held_out,
        dtype="uint16",
        vocab_size=VOCAB,
        bos_id=0,
        separator_id=1,
        special_ids=(0, 1, 2),
        tokenizer_source="tiny",
        tokenizer_sha256="0" * 64,
    )
    seal(folder, Kind.TOKENS, config={}, metrics={"layout": layout.model_dump(mode="json")})
    return Tokens.open(folder)


def sae_of(W_enc_FD, W_dec_FD, k, *, b_dec_D=None, hook=HOOK, metadata=None):
    d_sae, d_in = W_enc_FD.shape
    b_dec_D = torch.zeros(d_in) if b_dec_D is None else b_dec_D
    weights = Weights(W_enc_FD, torch.zeros(d_sae), W_dec_FD, b_dec_D)
    return SparseAutoencoder(TopKConfig(k=k), weights, hook=hook, model_name="tiny", metadata=metadata)


def identity_sae(**options):
    """Its reconstruction is x, bit for bit: x = relu(x) − relu(−x)."""
    both_FD = torch.cat([torch.eye(D), -torch.eye(D)])
    return sae_of(both_FD, both_FD, 2 * D, **options)


def zero_sae():
    return sae_of(torch.eye(D), torch.zeros(D, D), 4)


def random_sae():
    W_FD = torch.nn.functional.normalize(torch.randn((96, D), generator=torch.Generator().manual_seed(1)), dim=1)
    return sae_of(W_FD, W_FD, 8)


@pytest.fixture(scope="session")
def lm():
    return tiny_language_model()


@pytest.fixture(scope="session")
def written(lm):
    """40 contexts of 24 tokens, BOS first, each token drawn from the model's own distribution."""
    generator = torch.Generator().manual_seed(3)
    ids_CT = torch.zeros((40, 1), dtype=torch.int64)
    with torch.inference_mode():
        for _ in range(23):
            weights_CV = lm.module(input_ids=ids_CT, use_cache=False).logits[:, -1].softmax(-1)
            ids_CT = torch.cat([ids_CT, torch.multinomial(weights_CV, 1, generator=generator)], dim=1)
    return ids_CT


@pytest.fixture(scope="session")
def tokens(written, tmp_path_factory):
    return write_tokens(tmp_path_factory.mktemp("evaluation") / "tokens", written, held_out=30)
