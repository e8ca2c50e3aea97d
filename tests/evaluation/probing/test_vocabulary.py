import numpy as np
import pytest
from pydantic import ValidationError

from mistudio.errors import BadInput
from mistudio.evaluation.probing.config import LabelsConfig, SpellingConfig
from mistudio.evaluation.probing.vocabulary import Word, halve_words, prompts, words_of


def test_words_are_tokens_of_letters_after_a_space(lm):
    words = words_of(lm, SpellingConfig(min_letters=3))
    assert {word.text for word in words} >= {" nation", " conceived", " and"}
    assert all(lm.tokenizer.decode([word.id]) == word.text for word in words)
    assert all(word.text[0] == " " and len(word.text) >= 4 and word.text[1:].isalpha() for word in words)


def test_words_without_a_space_are_taken_where_asked_for(lm):
    words = {word.text for word in words_of(lm, SpellingConfig(words="all"))}
    assert {"Four", " nation"} <= words
    assert not {"<|bos|>", ",", " "} & words


def test_the_letter_is_a_capital_whatever_the_word_has():
    assert [Word(0, text).letter for text in (" nation", "Four", " Zoo")] == ["N", "F", "Z"]


def test_so_many_words_are_drawn_the_same_on_every_call(lm):
    few = SpellingConfig(words="all", max_words=20)
    assert len(words_of(lm, few)) == 20
    assert words_of(lm, few, seed=1) == words_of(lm, few, seed=1) != words_of(lm, few, seed=2)


def test_a_vocabulary_without_words_is_refused(lm):
    with pytest.raises(BadInput, match="No token of tiny/llama is a word of 30 letters"):
        words_of(lm, SpellingConfig(min_letters=30))


def test_the_prompt_spells_other_words_and_ends_with_the_word(lm):
    words = words_of(lm, SpellingConfig(min_letters=2))
    for word, ids in zip(words, prompts(lm, words, SpellingConfig(examples=2), seed=0), strict=True):
        assert (ids[0], ids[-1]) == (0, word.id)
        *lines, end = lm.tokenizer.decode(ids[1:]).split("\n")
        assert end == word.text
        for line in lines:
            example, letter = line.split(" has the first letter: ")
            assert example.strip()[0].upper() == letter
            assert example != word.text
        assert len(set(lines)) == 2


def test_text_before_the_word_stands_before_it(lm):
    words = words_of(lm, SpellingConfig(min_letters=5))
    template = SpellingConfig(examples=0, template="The word{word} begins with {letter}.")
    assert lm.tokenizer.decode(prompts(lm, words, template)[0][1:]) == f"The word{words[0].text}"
    assert prompts(lm, words, SpellingConfig(examples=0))[0] == [0, words[0].id]
    with pytest.raises(BadInput, match="99 examples"):
        prompts(lm, words, SpellingConfig(examples=99))


def test_every_letter_is_on_both_sides_of_the_split():
    words = [Word(n, text) for n, text in enumerate(["a"] * 10 + ["b"] * 2 + ["c"])]
    train = halve_words(words, train_share=0.8, seed=0)
    assert (train[:10].sum(), train[10:12].sum(), train[12]) == (8, 1, 1)
    assert (train == halve_words(words, train_share=0.8, seed=0)).all()
    assert isinstance(train, np.ndarray)


@pytest.mark.parametrize("template", ["", "{letter} {word}", "{word}", "{word} {word} {letter}"])
def test_a_template_without_its_places_is_refused(template):
    with pytest.raises(ValidationError, match="a template holds"):
        SpellingConfig(template=template)


def test_numbers_of_latents_are_sorted_and_at_least_one():
    assert LabelsConfig(ks=(5, 1, 5)).ks == (1, 5)
    with pytest.raises(ValidationError, match="at least 1"):
        LabelsConfig(ks=(0, 1))
