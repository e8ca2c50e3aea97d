"""Feature splitting and absorption on spelling, with the model's own vocabulary and no network.

1. Every word is read at the end of a short prompt that spells other words (`vocabulary.py`).
2. A probe a first letter on the activations at the words; letters whose probe is poor are left out.
3. The letter's main latents and over how many it is split (`splitting.py`).
4. Of the held-out words that the probe gets right, those whose main latents are silent and that another latent stands
   in for (`absorption.py`).

C letters, D d_in, F d_sae, N words.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mistudio.errors import BadInput
from mistudio.evaluation.evaluate import sae_identity
from mistudio.evaluation.probing.absorption import absorption
from mistudio.evaluation.probing.config import FitConfig, SpellingConfig
from mistudio.evaluation.probing.logistic import Probes, fit_probes
from mistudio.evaluation.probing.reading import check_finite, hook_of, run_texts, token_filter_of
from mistudio.evaluation.probing.result import Absorber, LetterSpelling, SpellingProbing
from mistudio.evaluation.probing.scores import scores
from mistudio.evaluation.probing.splitting import Split, split_classes
from mistudio.evaluation.probing.vocabulary import Word, halve_words, prompts, words_of
from mistudio.language_models.loading import LanguageModel
from mistudio.progress import Progress, Silent
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.sae.weights import SparseCode

_EXAMPLES = 5
"""Words shown of an absorber."""


class SpelledWords(NamedTuple):
    """Words, what the model and the SAE have at their tokens, and the half that each is in; on the CPU."""

    words: Sequence[Word]
    x_ND: Float[Tensor, "N D"]
    code: SparseCode
    train_N: Bool[Tensor, " N"]


class Spelling(NamedTuple):
    """What the words say."""

    letters: list[LetterSpelling]
    left_out: dict[str, str]


def probe_spelling(
    sae: SparseAutoencoder,
    lm: LanguageModel,
    config: SpellingConfig | None = None,
    fit: FitConfig | None = None,
    *,
    progress: Progress | None = None,
) -> SpellingProbing:
    """Measure feature splitting and absorption on the first letters of the model's own words.

    Raises:
        ShapeError, HookMissing: the SAE does not fit the model.
        BadInput: the vocabulary has too few words, or no letter's probe is good enough.
        Interrupted: `progress` asked to stop; nothing is kept.
    """
    config, fit, progress = config or SpellingConfig(), fit or FitConfig(), progress or Silent()
    if sae.W_enc_FD.device != lm.device:
        sae = copy.deepcopy(sae).to(lm.device)
    spelled = _read(sae, lm, config, fit, progress)
    found = spell(spelled, sae.W_dec_FD.cpu(), config, fit, b_dec_D=sae.b_dec_D.cpu(), progress=progress)
    if not found.letters:
        reasons = "; ".join(f"{letter}: {reason}" for letter, reason in list(found.left_out.items())[:3])
        raise BadInput(
            f"Nothing can be said of any first letter ({reasons or 'the token filter keeps no word'}).",
            remedy="Try an SAE of an earlier layer, more --max-words, or a lower --min-probe-f1.",
        )
    letters, count = found.letters, len(found.letters)
    return SpellingProbing(
        model=lm.identity(),
        sae=sae_identity(sae),
        excluded=token_filter_of(sae, lm).describe(),
        fit=fit,
        config=config,
        words=len(spelled.words),
        train_words=int(spelled.train_N.sum()),
        test_words=int((~spelled.train_N).sum()),
        letters=tuple(letters),
        left_out_letters=found.left_out,
        absorption_rate=sum(each.absorption_rate for each in letters) / count,
        absorption_fraction=sum(each.absorption_fraction for each in letters) / count,
        main_latents=sum(len(each.main_latents) for each in letters) / count,
        split_letters=sum(len(each.main_latents) > 1 for each in letters),
    )


def spell(
    spelled: SpelledWords,
    W_dec_FD: Float[Tensor, "F D"],
    config: SpellingConfig,
    fit: FitConfig,
    *,
    b_dec_D: Float[Tensor, " D"] | None = None,
    progress: Progress | None = None,
) -> Spelling:
    """Measure splitting and absorption of every letter that enough words begin with.

    Args:
        b_dec_D: the decoder's bias, for `config.origin`.

    Raises:
        Interrupted: `progress` asked to stop.
    """
    progress = progress or Silent()
    sizes = Counter(word.letter for word in spelled.words)
    left_out = {
        letter: f"{size} words begin with it, and {config.min_words} are wanted"
        for letter, size in sorted(sizes.items())
        if size < config.min_words
    }
    names = [letter for letter in sorted(sizes) if letter not in left_out]
    if not names or len(sizes) < 2:
        return Spelling([], left_out or dict.fromkeys(names, "every word begins with it"))
    train_N = spelled.train_N
    answers_CN = torch.tensor([[word.letter == letter for word in spelled.words] for letter in names])
    progress.advance("fit probes", 0, 1)
    probes = fit_probes(
        spelled.x_ND[train_N],
        answers_CN[:, train_N],
        l2=fit.l2,
        balanced=fit.weighting == "balanced",
        max_steps=fit.max_steps,
        progress=progress,
    )
    progress.advance("fit probes", 1, 1)
    splits = split_classes(
        spelled.code,
        len(W_dec_FD),
        answers_CN,
        train_N,
        max_latents=config.max_latents,
        min_rise=config.min_rise,
        fit=fit,
        progress=progress,
    )
    origin_D = b_dec_D if config.origin == "decoder_bias" else None
    letters = []
    for c, letter in enumerate(names):
        found = _letter(letter, c, spelled, answers_CN[c], probes, splits[c], W_dec_FD, config, origin_D)
        if isinstance(found, str):
            left_out[letter] = found
        else:
            letters.append(found)
    return Spelling(letters, dict(sorted(left_out.items())))


def _letter(
    letter: str,
    c: int,
    spelled: SpelledWords,
    answers_N: Bool[Tensor, " N"],
    probes: Probes,
    split: Split,
    W_dec_FD: Float[Tensor, "F D"],
    config: SpellingConfig,
    origin_D: Float[Tensor, " D"] | None,
) -> LetterSpelling | str:
    """What is found of a letter, or why nothing is said of it."""
    logits_N = probes.logits(spelled.x_ND)[c]
    test_N = ~spelled.train_N
    of_probe = scores(logits_N[test_N], answers_N[test_N])
    if of_probe.f1 < config.min_probe_f1:
        return f"the probe's F1 is {of_probe.f1:.2f}, and {config.min_probe_f1:g} is wanted"
    if not split.latents:
        return "no latent fires more for it than for other letters"
    right_N = test_N & answers_N & (logits_N > 0)
    right = int(right_N.sum())
    if right == 0:
        return "the probe is right for none of its held-out words"
    code = SparseCode(spelled.code.values_BK[right_N], spelled.code.latents_BK[right_N])
    found = absorption(
        spelled.x_ND[right_N], code, W_dec_FD, probes.weights_CD[c], split.main, config, origin_D=origin_D
    )
    absorbed = int((found.by_N >= 0).sum())
    words = [spelled.words[place].text.strip() for place in right_N.nonzero()[:, 0].tolist()]
    return LetterSpelling(
        letter=letter,
        train_words=int((spelled.train_N & answers_N).sum()),
        test_words=int((test_N & answers_N).sum()),
        probe=of_probe,
        f1_by_k=split.test_f1,
        train_f1_by_k=split.train_f1,
        main_latents=split.main,
        right_words=right,
        absorbed_words=absorbed,
        absorption_rate=absorbed / right,
        absorption_fraction=float(found.fraction_N.mean()),
        absorbers=_absorbers(found.by_N.tolist(), words, probes.weights_CD[c], W_dec_FD),
    )


def _absorbers(
    by: Sequence[int], words: Sequence[str], probe_D: Float[Tensor, " D"], W_dec_FD: Float[Tensor, "F D"]
) -> tuple[Absorber, ...]:
    counts = Counter(latent for latent in by if latent >= 0)
    found = []
    for latent, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        row_D = W_dec_FD[latent].double()
        examples = [word for word, each in zip(words, by, strict=True) if each == latent]
        found.append(
            Absorber(
                latent=latent,
                cosine=float(row_D @ probe_D.double() / (row_D.norm() * probe_D.double().norm())),
                words=count,
                examples=tuple(examples[:_EXAMPLES]),
            )
        )
    return tuple(found)


@torch.inference_mode()
def _read(
    sae: SparseAutoencoder, lm: LanguageModel, config: SpellingConfig, fit: FitConfig, progress: Progress
) -> SpelledWords:
    """Run the prompts, and keep what stands at the words that the token filter keeps."""
    point, token_filter = hook_of(sae, lm), token_filter_of(sae, lm)
    words = words_of(lm, config, seed=fit.seed)
    ids = prompts(lm, words, config, seed=fit.seed)
    kept: list[Word] = []
    x_parts, codes = [], []
    for batch in run_texts(lm, ids, point, batch_contexts=fit.batch_contexts, stage="read words", progress=progress):
        last_C = batch.real_CT.sum(1) - 1
        rows_C = torch.arange(len(last_C), device=last_C.device)
        x_CD = batch.x_CTD[rows_C, last_C].float()
        keep_C = token_filter.keep(batch.ids_CT[rows_C, last_C], x_CD)
        code = sae.contributions(x_CD[keep_C])
        kept += [words[batch.first + c] for c in keep_C.nonzero()[:, 0].tolist()]
        x_parts.append(x_CD[keep_C].cpu())
        codes.append(SparseCode(code.values_BK.cpu(), code.latents_BK.cpu()))
    spelled = SpelledWords(
        kept,
        torch.cat(x_parts),
        SparseCode.stack(codes),
        torch.from_numpy(halve_words(kept, train_share=fit.train_share, seed=fit.seed)),
    )
    check_finite(spelled.x_ND, spelled.code.values_BK)
    return spelled
