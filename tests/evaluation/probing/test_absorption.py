import pytest
import torch

from mistudio.evaluation.probing.absorption import absorption
from mistudio.evaluation.probing.config import FitConfig, SpellingConfig
from mistudio.evaluation.probing.spelling import spell
from tests.evaluation.probing.planted import S_UPPER, SHORT, S, T, axis, code_of, spelled_words

CONFIG = SpellingConfig(min_words=4)


def letters_of(kind, config=CONFIG):
    spelled, W_dec_FD = spelled_words(kind)
    return {each.letter: each for each in spell(spelled, W_dec_FD, config, FitConfig()).letters}


# ── what is planted is found ─────────────────────────────────────────────────────────────────────


def test_an_sae_without_absorption_gets_zero():
    for found in letters_of("clean").values():
        assert found.probe.f1 == 1
        assert found.right_words == found.test_words == 40
        assert (found.absorbed_words, found.absorption_rate, found.absorption_fraction) == (0, 0, 0)
        assert found.absorbers == ()


def test_a_planted_absorber_is_found_and_counted():
    found = letters_of("absorbed")
    # Of the 40 held-out s-words every twentieth is absorbed.
    assert found["S"].main_latents == (S,)
    assert (found["S"].absorbed_words, found["S"].right_words) == (2, 40)
    assert found["S"].absorption_rate == pytest.approx(0.05)
    assert found["S"].absorption_fraction == pytest.approx(0.05)
    (absorber,) = found["S"].absorbers
    assert (absorber.latent, absorber.words) == (SHORT, 2)
    assert absorber.examples == ("sshort40", "sshort60")
    assert absorber.cosine > 0.3
    assert found["T"].absorbed_words == 0


def test_a_letter_in_two_latents_is_split_and_not_absorbed():
    found = letters_of("split")
    assert set(found["S"].main_latents) == {S, S_UPPER}
    assert found["S"].train_f1_by_k[0] < 0.9 < found["S"].train_f1_by_k[1]
    assert found["T"].main_latents == (T,)
    assert found["S"].absorbed_words == 0


def test_without_the_latent_that_splits_it_the_split_is_absorption():
    strict = SpellingConfig(min_words=4, max_latents=1)
    found = letters_of("split", strict)["S"]
    assert len(found.main_latents) == 1
    assert found.absorbed_words == 20


# ── each condition ───────────────────────────────────────────────────────────────────────────────

DECODER = torch.stack([axis(0), axis(1), (axis(0) + axis(1)) / 2**0.5, -axis(0), axis(2)])
"""Latent 0 is the probe, 1 is at a right angle, 2 lies between, 3 points the other way, 4 is something else."""


def one_word(row, x_D=None, config=CONFIG, main=(0,), **options):
    x_D = sum(value * DECODER[latent] for latent, value in row.items()) if x_D is None else x_D
    found = absorption(x_D[None], code_of([row]), DECODER, 7 * axis(0), main, config, **options)
    return int(found.by_N[0]), float(found.fraction_N[0])


def test_a_word_is_absorbed_by_the_latent_that_explains_most_of_it():
    assert one_word({2: 2.0, 1: 5.0, 4: 9.0}) == (2, 1.0)


def test_a_main_latent_that_fires_at_all_excludes_full_absorption():
    absorbed, fraction = one_word({0: 0.5, 2: 2**0.5 * 1.5})
    assert absorbed == -1
    # x·p = 0.5 + 1.5; the other latent holds 1.5 of it.
    assert fraction == pytest.approx(1.5 / 2)


def test_a_main_latent_that_explains_everything_leaves_nothing_to_absorb():
    assert one_word({0: 2.0, 2: 1.0}, x_D=2 * axis(0)) == (-1, 0.0)


def test_the_aligned_latent_must_explain_enough():
    # It explains 1 of 3, then 1 of 2.4.
    assert one_word({2: 2**0.5}, x_D=3 * axis(0)) == (-1, 0.0)
    assert one_word({2: 2**0.5}, x_D=2.4 * axis(0)) == (2, 1.0)


def test_the_absorber_must_be_aligned():
    strict = SpellingConfig(min_cosine=0.8, fraction_min_cosine=0.8)
    assert one_word({2: 2.0}, config=strict) == (-1, 0.0)
    assert one_word({1: 2.0}, x_D=axis(0)) == (-1, 0.0)


def test_a_projection_that_is_not_positive_is_no_absorption():
    assert one_word({2: 2.0}, x_D=-axis(0)) == (-1, 0.0)
    assert one_word({3: 2.0}) == (-1, 0.0)


def test_padding_of_the_code_absorbs_nothing():
    lenient = SpellingConfig(min_projection_share=0.0, min_cosine=-1.0, fraction_min_cosine=-1.0)
    assert one_word({}, x_D=axis(0), config=lenient) == (-1, 0.0)


def test_where_the_decoders_bias_is_the_origin_its_part_need_not_be_explained():
    x_D = 10 * axis(0) + 2 * axis(0)
    assert one_word({2: 2.0}, x_D=x_D) == (-1, 0.0)
    assert one_word({2: 2.0}, x_D=x_D, origin_D=10 * axis(0)) == (2, 1.0)


def test_a_long_decoder_row_counts_by_what_it_adds_to_the_activation():
    long = torch.stack([axis(0), 10 * (axis(0) + axis(1)) / 2**0.5])
    x_D = 0.2 * long[1]
    found = absorption(x_D[None], code_of([{1: 0.2}]), long, axis(0), (0,), CONFIG)
    assert found.by_N.tolist() == [1]


def test_the_fraction_counts_so_many_latents_and_no_more():
    decoder = torch.stack([axis(n) for n in range(6)] + [axis(0)] * 6)
    row = {6: 1.0, 7: 1.0, 8: 1.0, 9: 1.0, 0: 2.0}
    found = absorption(6 * axis(0)[None], code_of([row]), decoder, axis(0), (0,), CONFIG)
    # The main latent explains 2 of 6, three others 3; 3 / (3 + 2).
    assert float(found.fraction_N[0]) == pytest.approx(0.6)


def test_a_latent_that_takes_much_of_a_letter_counts_as_a_split():
    spelled, W_dec_FD = spelled_words("absorbed", per_letter=40)
    common = spelled._replace(
        code=code_of([{SHORT: 3.0} if word.letter == "S" and n % 2 else {S: 2.0} if word.letter == "S" else {T: 2.0}
                      for n, word in enumerate(spelled.words)])
    )  # fmt: skip
    found = {each.letter: each for each in spell(common, W_dec_FD, CONFIG, FitConfig()).letters}["S"]
    assert set(found.main_latents) == {S, SHORT}
    assert found.absorbed_words == 0


# ── letters that nothing is said of ──────────────────────────────────────────────────────────────


def test_letters_with_too_few_words_or_a_poor_probe_are_left_out_and_named():
    spelled, W_dec_FD = spelled_words("clean")
    many = spell(spelled, W_dec_FD, SpellingConfig(min_words=81), FitConfig())
    assert many.letters == []
    assert many.left_out["S"] == "80 words begin with it, and 81 are wanted"
    blind = spell(spelled._replace(x_ND=torch.ones_like(spelled.x_ND)), W_dec_FD, CONFIG, FitConfig())
    assert "and 0.6 is wanted" in blind.left_out["S"]
    silent = spell(spelled._replace(code=code_of([{4: 1.0}] * 160)), W_dec_FD, CONFIG, FitConfig())
    assert silent.left_out == dict.fromkeys("ST", "no latent fires more for it than for other letters")
