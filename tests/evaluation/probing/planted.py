"""Activations in which the right answer is known by construction."""

import torch

from mistudio.evaluation.probing.spelling import SpelledWords
from mistudio.evaluation.probing.vocabulary import Word
from mistudio.sae.weights import SparseCode

D = 16
"""Width of planted activations: each axis is a direction of its own."""


def axis(number):
    return torch.nn.functional.one_hot(torch.tensor(number), D).float()


def code_of(rows):
    """The sparse code of a list of {latent: activation}, padded with zeros."""
    widest = max(1, *(len(row) for row in rows))
    values_NK, latents_NK = torch.zeros(len(rows), widest), torch.zeros((len(rows), widest), dtype=torch.int64)
    for n, row in enumerate(rows):
        for k, (latent, value) in enumerate(sorted(row.items(), key=lambda item: -item[1])):
            values_NK[n, k], latents_NK[n, k] = value, latent
    return SparseCode(values_NK, latents_NK)


S, T, SHORT, S_UPPER, BASE = range(5)
"""Latents: S for words with s, T for words with t, SHORT for one kind of words, S_UPPER for half of the s-words."""
DIRECTION_OF_S, DIRECTION_OF_T, DIRECTION_OF_SHORT, DIRECTION_OF_BASE = range(4)


def spelled_words(kind, per_letter=80):
    """Words with s and t; the letter is a direction of the activation, whatever the SAE makes of it.

    Args:
        kind: "clean": the latent S fires on every s-word. "absorbed": on every twentieth s-word SHORT fires in its
            place, its decoder row holding the letter too. "split": S fires on half of the s-words, S_UPPER on the rest.

    Returns:
        The words and the decoder.
    """
    words, x, rows = [], [], []
    for letter, direction, latent in (("s", DIRECTION_OF_S, S), ("t", DIRECTION_OF_T, T)):
        for n in range(per_letter):
            x_D = 2 * axis(direction) + axis(DIRECTION_OF_BASE)
            row = {latent: 2.0, BASE: 1.0}
            if letter == "s" and n % 20 == 0:
                x_D = x_D + 3 * axis(DIRECTION_OF_SHORT)
                if kind == "absorbed":
                    row = {SHORT: 13**0.5, BASE: 1.0}
                else:
                    row[SHORT] = 3.0
            if letter == "s" and kind == "split" and n % 2:
                row[S_UPPER] = row.pop(S)
            words.append(Word(len(words), f" {letter}{'short' if n % 20 == 0 else 'word'}{n}"))
            x.append(x_D)
            rows.append(row)
    W_dec_FD = torch.stack([axis(DIRECTION_OF_S), axis(DIRECTION_OF_T), axis(DIRECTION_OF_SHORT)] * 2)
    W_dec_FD[S_UPPER], W_dec_FD[BASE] = axis(DIRECTION_OF_S), axis(DIRECTION_OF_BASE)
    if kind == "absorbed":
        W_dec_FD[SHORT] = (2 * axis(DIRECTION_OF_S) + 3 * axis(DIRECTION_OF_SHORT)) / 13**0.5
    train_N = torch.tensor([n % per_letter < per_letter // 2 for n in range(2 * per_letter)])
    return SpelledWords(words, torch.stack(x), code_of(rows), train_N), W_dec_FD
