"""Sparse probing and targeted probe perturbation of an SAE on labelled documents."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch

from mistudio.errors import BadInput
from mistudio.evaluation.evaluate import sae_identity
from mistudio.evaluation.probing.config import FitConfig, LabelsConfig
from mistudio.evaluation.probing.documents import Labelled, check_counts, halve
from mistudio.evaluation.probing.perturbation import perturb
from mistudio.evaluation.probing.reading import Means, document_means, token_filter_of
from mistudio.evaluation.probing.result import LabelProbing
from mistudio.evaluation.probing.sparse_probing import Samples, means_over_classes, probe_classes, probe_raw
from mistudio.language_models.loading import LanguageModel
from mistudio.progress import Progress, Silent
from mistudio.sae.sparse_autoencoder import SparseAutoencoder


def probe_labels(
    sae: SparseAutoencoder,
    lm: LanguageModel,
    documents: Labelled,
    config: LabelsConfig | None = None,
    fit: FitConfig | None = None,
    *,
    progress: Progress | None = None,
) -> LabelProbing:
    """Measure how well an SAE's latents tell the classes of documents apart, and whether they are each class's own.

    Args:
        documents: what `labelled_documents` made of a corpus.

    Raises:
        ShapeError, HookMissing: the SAE does not fit the model.
        BadInput: a class has too few documents that hold a token, a number of latents is more than there are, or the
            groups cannot be split.
        Interrupted: `progress` asked to stop; nothing is kept.
    """
    config, fit, progress = config or LabelsConfig(), fit or FitConfig(), progress or Silent()
    if max(*config.ks, *config.perturbed) > sae.d_sae:
        raise BadInput(
            f"The SAE has {sae.d_sae:,} latents, and {max(*config.ks, *config.perturbed):,} are asked for.",
            remedy="Give smaller numbers with --ks and --perturbed.",
        )
    if sae.W_enc_FD.device != lm.device:
        sae = copy.deepcopy(sae).to(lm.device)
    token_filter = token_filter_of(sae, lm)
    read = document_means(
        sae, lm, [each.text for each in documents.texts], config, fit, token_filter=token_filter, progress=progress
    )
    samples = _samples(documents, read, config, fit)
    raw = probe_raw(samples, fit, progress)
    classes = probe_classes(samples, raw, config.ks, fit, progress)
    perturbed = perturb(samples, raw, sae.W_dec_FD.cpu(), config.perturbed) if len(documents.classes) > 2 else []
    train = int(samples.train_N.sum())
    return LabelProbing(
        model=lm.identity(),
        sae=sae_identity(sae),
        excluded=token_filter.describe(),
        fit=fit,
        config=config,
        documents=len(samples.train_N),
        train_documents=train,
        test_documents=len(samples.train_N) - train,
        tokens=int(samples.means.tokens_N.sum()),
        left_out_classes=documents.left_out,
        repeated_documents=documents.repeated,
        empty_documents=int((read.tokens_N == 0).sum()),
        classes=tuple(classes),
        means=tuple(means_over_classes(classes)),
        perturbations=tuple(perturbed),
    )


def _samples(documents: Labelled, read: Means, config: LabelsConfig, fit: FitConfig) -> Samples:
    """The documents of which a token was kept, halved."""
    full_N = read.tokens_N > 0
    texts = [each for each, full in zip(documents.texts, full_N.tolist(), strict=True) if full]
    check_counts(texts, documents.classes, config)
    train = halve(texts, train_share=fit.train_share, seed=fit.seed)
    probed: Sequence[str] = documents.classes if len(documents.classes) > 2 else documents.classes[:1]
    return Samples(
        means=Means(*(each[full_N] for each in read)),
        labels=tuple(probed),
        answers_CN=torch.tensor([[each.label == label for each in texts] for label in probed]),
        train_N=torch.from_numpy(train),
    )
