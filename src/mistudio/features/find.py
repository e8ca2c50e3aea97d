"""Find what activates each latent, in one pass over the activations and one sort.

1. Encode each block once, and collect the active latents of every token (`collection.py`).
2. Merge the sorted runs into the latent-major index (`index.py`), and scatter them into the token-major one
   (`token_index.py`).
3. Compute every latent's numbers (`statistics.py`) and, given the language model, its logit lens (`logit_lens.py`).
4. Check that the SAE's weights are what they were, and seal the artifact.

    statistics.parquet   a row a latent
    index/               starts, positions, codes: each latent's activations, strongest first
    tokens/              starts, latents, codes: each token's active latents; rows, ids, encoded, documents.parquet
    logits/              promoted, suppressed, and their token ids: a row a latent
    vocabulary/          the text of every token

Contexts are no part of the result: they are slices of it, read when a page is asked for (`pages.py`). Interrupted work
goes on from its last run when the same call is made again.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mistudio.activations.block import ActivationBlock
from mistudio.activations.stream import ActivationSource
from mistudio.artifacts.atomic import WORK, new_directory
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import Artifact, Input, open_artifact, seal
from mistudio.corpora.boundaries import vocabulary, vocabulary_sha256
from mistudio.corpora.tokens import Tokens
from mistudio.errors import ArtifactBroken, BadInput, EmptyCorpus, Interrupted, ShapeError
from mistudio.features import index, logit_lens, statistics, token_index
from mistudio.features.collection import ActiveLatents, Collection
from mistudio.features.config import FindConfig
from mistudio.features.contexts import Documents
from mistudio.features.packed_keys import KeyLayout
from mistudio.language_models.hook_points import HookPoint, HookSite
from mistudio.language_models.loading import LanguageModel
from mistudio.language_models.token_text import token_bytes
from mistudio.language_models.tokenizer_files import TokenTable
from mistudio.language_models.unembedding import unembedding
from mistudio.progress import Progress, Silent
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.sae.weights import SparseCode

_ENDLESS = 1 << 62


def find(
    sae: SparseAutoencoder,
    source: ActivationSource,
    tokens: Tokens,
    lm: LanguageModel | None,
    out: Path | str,
    config: FindConfig | None = None,
    *,
    sae_artifact: Artifact | None = None,
    progress: Progress | None = None,
) -> Artifact:
    """Write the features artifact of an SAE over some text.

    Args:
        sae: is only read.
        source: activations of the SAE's hook point; every token at most once.
        tokens: what the source's positions point into.
        lm: gives the logit lens; None leaves it out.
        out: the directory to make.
        sae_artifact: where the SAE came from, for the manifest.

    Raises:
        ShapeError: the source is of another hook point or width than the SAE.
        EmptyCorpus: no token is left to encode, or no latent is active on any.
        BadInput: an activation is not finite, or a token came twice.
        ArtifactExists: `out` is there already.
        ConfigConflict: `out` was begun with other inputs or options.
        Interrupted: `progress` asked to stop; the same call goes on where it stopped.
    """
    config, progress = config or FindConfig(), progress or Silent()
    _check_fit(sae, source, lm)
    with new_directory(out, resumable=True) as partial:
        digest = digest_of(sae)
        identity = {
            "sae": digest,
            "source": source.identity,
            "tokens": tokens.artifact.manifest.id,
            "model": lm.digest if lm else None,
            "config": config.model_dump(mode="json"),
        }
        layout = KeyLayout.of(sae.d_sae, len(tokens.flat))
        collection = Collection(partial / WORK, identity, layout, sae.d_sae, config.shard_activations)
        try:
            _collect(sae, source, tokens, collection, config, progress)
            numbers = _index(partial, collection, tokens, config, progress)
            lens = _look(partial / "logits", sae, lm, config, progress)
            _write_vocabulary(partial / "vocabulary", tokens, lm)
            if digest_of(sae) != digest:
                raise ArtifactBroken("The SAE's weights changed while its features were being found.")
        except (BadInput, EmptyCorpus, ArtifactBroken):
            shutil.rmtree(partial)  # another try would end in the same way
            raise
        seal(
            partial,
            Kind.FEATURES,
            config=_facts(sae, source, tokens, config) | {"logit_lens": lens},
            inputs=_inputs(source, tokens, sae_artifact),
            metrics=_metrics(collection, numbers, source, digest),
        )
    return open_artifact(out, Kind.FEATURES)


def digest_of(sae: SparseAutoencoder) -> str:
    """sha256 of the SAE's tensors, names and shapes."""
    sha = hashlib.sha256()
    for name, tensor in sorted(sae.state_dict().items()):
        sha.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        sha.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return sha.hexdigest()


def _writes_residual(sae: SparseAutoencoder) -> bool:
    return HookPoint.parse(sae.hook_out).site not in (HookSite.ATTN_Z, HookSite.MLP_IN)


def _check_fit(sae: SparseAutoencoder, source: ActivationSource, lm: LanguageModel | None) -> None:
    if source.d_in != sae.d_in:
        raise ShapeError(f"The activations are {source.d_in} wide, and this SAE reads {sae.d_in}.")
    if source.hook != sae.hook:
        raise ShapeError(f"The activations are of {source.hook}, and this SAE was trained on {sae.hook}.")
    if lm is not None and _writes_residual(sae) and lm.d_model != sae.d_out:
        raise ShapeError(f"The model {lm.name} is {lm.d_model} wide, and this SAE {sae.d_out}.")


def _check_tokens(block: ActivationBlock, tokens: Tokens) -> None:
    if not np.array_equal(tokens.flat[block.positions_B.cpu().numpy()], block.token_ids_B.cpu().numpy()):
        raise BadInput(
            "The activations are not of these tokens: their token ids differ.",
            remedy="Give the token artifact that the activations were recorded from.",
        )


def _collect(
    sae: SparseAutoencoder,
    source: ActivationSource,
    tokens: Tokens,
    collection: Collection,
    config: FindConfig,
    progress: Progress,
) -> None:
    if collection.complete:
        return
    limit = config.max_tokens or _ENDLESS  # not the source's own number, which may be an estimate
    before, begun = collection.tokens, time.perf_counter()
    seconds = collection.seconds
    try:
        for block in _timed(source.blocks(epoch=0, start=collection.blocks), seconds):
            _check_tokens(block, tokens)
            _add_block(sae, block, collection, config, limit - collection.tokens)
            rate = (collection.tokens - before) / max(time.perf_counter() - begun, 1e-9)
            total = min(limit, max(collection.tokens, source.n_tokens))
            progress.advance("encode", collection.tokens, total, tokens_per_second=rate)
            progress.checkpoint()
            if collection.tokens >= limit:
                break
    except Interrupted:
        collection.save()
        raise
    if collection.tokens == 0:
        raise EmptyCorpus("The source of activations gave no token: the filter excluded all, or there is no text.")
    if collection.activations == 0:
        raise EmptyCorpus(f"No latent of the SAE is active on any of the {collection.tokens:,} tokens encoded.")
    progress.advance("encode", collection.tokens, collection.tokens)
    collection.finish()


def _timed(blocks: Iterable[ActivationBlock], seconds: dict[str, float]) -> Iterator[ActivationBlock]:
    begun = time.perf_counter()
    for block in blocks:
        seconds["source"] += time.perf_counter() - begun
        yield block
        begun = time.perf_counter()


@torch.inference_mode()
def _add_block(
    sae: SparseAutoencoder, block: ActivationBlock, collection: Collection, config: FindConfig, room: int
) -> None:
    """Encode a block, or its first `room` tokens."""
    n_tokens = min(len(block.positions_B), room)
    positions = block.positions_B[:n_tokens].cpu().numpy()
    for start in range(0, n_tokens, config.batch_tokens):
        chosen = slice(start, min(start + config.batch_tokens, n_tokens))
        begun = time.perf_counter()
        code = sae.encode_sparse(block.acts_BD[chosen].to(sae.W_dec_FD))
        encoded = time.perf_counter()
        collection.add(active_latents(code, positions[chosen]))
        collection.seconds["encoding"] += encoded - begun
        collection.seconds["indexing"] += time.perf_counter() - encoded
    begun = time.perf_counter()
    collection.end_block()
    collection.seconds["indexing"] += time.perf_counter() - begun


def active_latents(code: SparseCode, positions: NDArray[np.int64]) -> ActiveLatents:
    """The active latents of tokens at these flat positions: their code without its padding.

    Raises:
        BadInput: an activation is NaN or infinite.
    """
    values = code.values_BK.detach().to("cpu", torch.float32).numpy()
    latents = code.latents_BK.detach().cpu().numpy()
    if not np.isfinite(values).all():
        raise BadInput(
            "The SAE gave an activation that is NaN or infinite.",
            remedy="Check the SAE with `mistudio eval`, and that the activations are of its own hook point.",
        )
    active = values > 0
    return ActiveLatents(positions, active.sum(axis=1), latents[active], values[active])


def _index(
    partial: Path, collection: Collection, tokens: Tokens, config: FindConfig, progress: Progress
) -> statistics.Statistics:
    """Everything that follows from the collection alone."""
    begun = time.perf_counter()
    index.write(partial / "index", collection, len(tokens.flat), config.shard_activations, progress)
    token_index.write(partial / "tokens", collection, tokens, progress)
    latents = index.LatentIndex.open(partial / "index")
    documents = Documents(tokens.documents)
    top = statistics.top_tokens(latents, tokens.flat, config.top_tokens, config.shard_activations, progress)
    numbers = statistics.describe(collection.totals, collection.tokens, top, latents, documents.starts, documents.docs)
    numbers.write(partial / "statistics.parquet")
    collection.seconds["indexing"] += time.perf_counter() - begun
    return numbers


def _look(
    directory: Path, sae: SparseAutoencoder, lm: LanguageModel | None, config: FindConfig, progress: Progress
) -> str | None:
    """Write the logit lens; returns how it was made or why not, in words, or None where nobody asked for it."""
    if lm is None or config.logits == 0:
        return None
    if not _writes_residual(sae):
        return f"Not made: the decoder rows of {sae.hook_out} are no directions of the residual stream."
    head = unembedding(lm)
    lens = logit_lens.look(sae.W_dec_FD, head, config.logits, config.lens_latents, progress)
    lens.write(directory)
    return logit_lens.statement(head)


def _write_vocabulary(directory: Path, tokens: Tokens, lm: LanguageModel | None) -> None:
    """Keep the text of the tokens, so that pages can be read where the model is not; another tokenizer's would lie."""
    if lm is not None and vocabulary_sha256(vocabulary(lm.tokenizer)) == tokens.layout.tokenizer_sha256:
        TokenTable.of(token_bytes(lm.tokenizer)).write(directory)


def _facts(sae: SparseAutoencoder, source: ActivationSource, tokens: Tokens, config: FindConfig) -> dict[str, Any]:
    return {
        "find": config.model_dump(mode="json"),
        "hook": sae.hook,
        "model_name": sae.model_name,
        "source": source.identity,
        "filter": source.filter.describe(),
        "context_length": tokens.context_length,
        "special_ids": sorted(tokens.special_ids),
        "tokenizer_source": tokens.tokenizer_source,
        "value_code": "float32 bits = (code + 98304) << 13",
    }


def _inputs(source: ActivationSource, tokens: Tokens, sae_artifact: Artifact | None) -> list[Input]:
    named = [*source.inputs, tokens.artifact.as_input(), *([sae_artifact.as_input()] if sae_artifact else [])]
    return list({each.id: each for each in named}.values())


def _metrics(
    collection: Collection, numbers: statistics.Statistics, source: ActivationSource, digest: str
) -> dict[str, Any]:
    alive = int(numbers.alive.sum())
    return {
        "tokens": collection.tokens,
        "source_tokens": source.n_tokens,
        "excluded": source.excluded,
        "activations": collection.activations,
        "latents_alive": alive,
        "latents_dead": len(numbers) - alive,
        "tokens_per_second": round(collection.tokens / max(sum(collection.seconds.values()), 1e-9), 1),
        "seconds": {name: round(value, 3) for name, value in collection.seconds.items()},
        "sae_sha256": digest,
        "sae_unchanged": True,
    }
