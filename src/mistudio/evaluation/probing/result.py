"""What probing found: every number under a name that its description defines. JSON Schemas are made of them."""

from __future__ import annotations

from typing import Any

from mistudio.config import Config
from mistudio.evaluation.probing.config import FitConfig, LabelsConfig, SpellingConfig


class ProbeScores(Config):
    """How well a probe answers, on samples that it was not fitted on."""

    accuracy: float
    """Share of right answers."""
    balanced_accuracy: float
    """Mean of the shares of right answers among the class and among the rest; 0.5 for whoever always says the same."""
    auc: float
    """Probability that a sample of the class is ranked above one of the rest; ties count half."""
    f1: float
    """2 · right yeses / (yeses answered + samples of the class)."""


class Subject(Config):
    """Whom a result is about, and what was left out."""

    model: dict[str, Any]
    """Identity of the language model."""
    sae: dict[str, Any]
    """Identity of the SAE: hook point, model, configuration."""
    excluded: dict[str, Any]
    """The token filter: activations of these tokens are part of no mean."""
    fit: FitConfig


# ── labels ───────────────────────────────────────────────────────────────────────────────────────


class SparseProbe(Config):
    """A probe on some latents' mean activations over a document."""

    k: int
    """Latents that it was allowed."""
    latents: tuple[int, ...]
    """Those with the largest |mean of the class − mean of the rest| on the training half, largest first."""
    scores: ProbeScores


class ClassProbes(Config):
    """One class against the rest."""

    label: str
    documents: int
    """Of the class, both halves."""
    train_documents: int
    """Of the class, among those that probes were fitted on."""
    test_documents: int
    """Of the class, among those that scores are taken on."""
    always_one_answer: float
    """Accuracy of always giving the answer that is right more often on the test half."""
    sparse: tuple[SparseProbe, ...]
    all_latents: ProbeScores
    """A probe on every latent that is active somewhere in the training half."""
    raw: ProbeScores
    """The baseline: a probe on the activations' own mean over a document, without an SAE."""


class MeanScores(Config):
    """The scores of one kind of probe, each averaged over the classes."""

    probe: str
    """`k=…` latents, `all latents`, or `raw activations`."""
    scores: ProbeScores


class Perturbation(Config):
    """Targeted probe perturbation of one class: what its probe loses when its latents are set to zero."""

    label: str
    latents: tuple[int, ...]
    """Set to zero; fewer than asked for where fewer speak for the class."""
    own_fall: float
    """Balanced accuracy of this class's probe on the test half, before less after."""
    others_fall: float
    """The same of the other classes' probes under the same perturbation, averaged."""
    score: float
    """`own_fall − others_fall`: 0 where the latents are of no class in particular."""


class PerturbationsAtK(Config):
    """Targeted probe perturbation with one number of latents."""

    k: int
    """Latents of a class that are set to zero."""
    classes: tuple[Perturbation, ...]
    score: float
    """Mean of the classes' scores; TPP in SAEBench."""


class LabelProbing(Subject):
    """Sparse probing and targeted probe perturbation on labelled documents."""

    config: LabelsConfig
    documents: int
    """Of all classes, both halves."""
    train_documents: int
    test_documents: int
    tokens: int
    """That the documents' means are taken over."""
    left_out_classes: dict[str, int]
    """Values of the label that too few documents carry, and how many do; their documents are read nowhere."""
    repeated_documents: int
    """Left out because their text occurred before: it could stand on both sides of the split."""
    empty_documents: int
    """Left out because the token filter kept none of their tokens."""
    classes: tuple[ClassProbes, ...]
    """One class against the rest; of two classes only the first, since the second is its mirror image."""
    means: tuple[MeanScores, ...]
    perturbations: tuple[PerturbationsAtK, ...]
    """Empty for two classes: their probes are mirror images, so that no latent is of one class in particular."""


# ── spelling ─────────────────────────────────────────────────────────────────────────────────────


class Absorber(Config):
    """A latent that fires in the main latents' place."""

    latent: int
    cosine: float
    """Of its decoder row with the probe."""
    words: int
    """Held-out words that it absorbs."""
    examples: tuple[str, ...]
    """Some of them."""


class LetterSpelling(Config):
    """One first letter: its probe, its main latents, and what others absorb of it."""

    letter: str
    train_words: int
    """Beginning with the letter, among those that probes were fitted on."""
    test_words: int
    """Beginning with the letter, among those that everything else is measured on."""
    probe: ProbeScores
    """Of the probe on the activations, on held-out words."""
    f1_by_k: tuple[float, ...]
    """On held-out words, of probes on the 1, 2, … latents that fire more for the letter than for others."""
    train_f1_by_k: tuple[float, ...]
    """The same on the training words: by these the main latents are counted."""
    main_latents: tuple[int, ...]
    """Added one by one while each raises `train_f1_by_k` by more than `min_rise`; the first always counts."""
    right_words: int
    """Held-out words of the letter for which the probe on the activations says yes."""
    absorbed_words: int
    """Of `right_words`: the main latents are silent, and the latent with the largest projection on the probe has a
    cosine of `min_cosine` with it and explains `min_projection_share` of the activation's own, positive projection."""
    absorption_rate: float
    """`absorbed_words / right_words`."""
    absorption_fraction: float
    """Mean over `right_words` of the share of the letter that other latents carry, also where the main latents fire."""
    absorbers: tuple[Absorber, ...]
    """Those that absorb most words first."""


class SpellingProbing(Subject):
    """Feature splitting and absorption on first letters (Chanin et al. 2024, arXiv 2409.14507)."""

    config: SpellingConfig
    words: int
    """Of the letters measured or left out, both halves."""
    train_words: int
    test_words: int
    letters: tuple[LetterSpelling, ...]
    left_out_letters: dict[str, str]
    """Letters that nothing is said of, and why."""
    absorption_rate: float
    """Mean of the letters' rates."""
    absorption_fraction: float
    """Mean of the letters' fractions."""
    main_latents: float
    """Mean number of main latents a letter; 1 where no letter is split."""
    split_letters: int
    """Letters with more than one main latent."""
