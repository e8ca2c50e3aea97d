import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from transformers import PreTrainedTokenizerFast

from mistudio.corpora.config import CorpusConfig, TokenizeConfig
from mistudio.corpora.corpus import add_corpus, read_documents
from mistudio.corpora.tokenize import tokenize_with
from mistudio.corpora.tokens import SPANS, TOKENS, Tokens
from mistudio.errors import BadInput, Cancelled, EmptyCorpus
from mistudio.progress import StopSwitch
from tests.corpora.conftest import MakeCorpus, MakeTokens
from tests.tiny_models import BOS, EOS

LINE = "The state of the union is strong, and the people of the nation are free. "


def text_of(tokens: Tokens, tokenizer: PreTrainedTokenizerFast, row: dict[str, int]) -> str:
    """The text of a document, from its span alone."""
    ids = [
        int(tokens.flat[at])
        for at in range(row["start"], row["end"])
        if tokens.bos_id is None or at % tokens.context_length
    ]
    return str(tokenizer.decode(ids[: row["tokens"]]))


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40), min_size=1, max_size=6))
def test_every_document_comes_back_byte_for_byte_from_its_span(
    tokenizer: PreTrainedTokenizerFast, texts: list[str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        inside = Path(folder) / "in"
        inside.mkdir()
        for number, text in enumerate([*texts, LINE]):
            (inside / f"{number}.txt").write_bytes(text.encode())
        add_corpus(CorpusConfig(sources=(str(inside),)), Path(folder) / "corpus")
        config = TokenizeConfig(context_length=7)
        tokenize_with(tokenizer, Path(folder) / "corpus", "tiny", config, Path(folder) / "tokens")
        tokens = Tokens.open(Path(folder) / "tokens")
        wanted = {document.doc: document.text for document in read_documents(Path(folder) / "corpus")}
        rows = tokens.documents.to_pylist()
        for row in rows[:-1]:
            assert text_of(tokens, tokenizer, row) == wanted[row["doc"]]
        # The last document loses what did not fill a context.
        assert wanted[rows[-1]["doc"]].startswith(text_of(tokens, tokenizer, rows[-1]).rstrip("\ufffd"))


def test_every_context_begins_with_bos_although_its_id_is_zero(make_tokens: MakeTokens) -> None:
    tokens = make_tokens([LINE * 3, LINE * 2])
    assert tokens.bos_id == 0
    assert (tokens.contexts(slice(None))[:, 0] == 0).all()
    assert not (tokens.contexts(slice(None))[:, 1:] == 0).any()


def test_a_separator_ends_each_document(make_tokens: MakeTokens) -> None:
    tokens = make_tokens([LINE, LINE * 2, LINE])
    ends = tokens.documents["end"].to_pylist()
    assert [int(tokens.flat[end - 1]) for end in ends[:-1]] == [1, 1]
    assert int((tokens.flat == 1).sum()) in (2, 3)


def test_bos_and_separator_can_be_left_out(make_tokens: MakeTokens) -> None:
    tokens = make_tokens([LINE * 3] * 3, prepend_bos=False, separator="none")
    assert tokens.bos_id is None
    assert not np.isin(tokens.flat, [0, 1, 2]).any()


def test_no_padding_is_ever_written(make_tokens: MakeTokens) -> None:
    assert not (make_tokens([LINE] * 7).flat == 2).any()


def test_held_out_documents_share_no_context_with_training_ones(make_tokens: MakeTokens) -> None:
    tokens = make_tokens([f"{one} {LINE}" for one in range(30)], held_out=0.2)
    rows = tokens.documents.to_pylist()
    length = tokens.context_length
    contexts = {
        side: {
            context
            for row in rows
            if row["held_out"] is side
            for context in range(row["start"] // length, (row["end"] - 1) // length + 1)
        }
        for side in (False, True)
    }
    assert contexts[False] == set(tokens.rows("train"))
    assert contexts[True] == set(tokens.rows("held_out"))
    assert len(tokens.rows("all")) == tokens.n_contexts
    assert sum(row["held_out"] for row in rows) == 6


def test_the_same_corpus_gives_the_same_bytes_in_one_process_and_in_two(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast, make_corpus: MakeCorpus
) -> None:
    corpus = make_corpus([f"{one} {LINE}" for one in range(30)], held_out=0.2).path
    for processes in (1, 2):
        config = TokenizeConfig(context_length=16, processes=processes)
        tokenize_with(tokenizer, corpus, "tiny", config, tmp_path / f"tokens-{processes}")
    for name in (TOKENS, SPANS):
        assert (tmp_path / "tokens-1" / name).read_bytes() == (tmp_path / "tokens-2" / name).read_bytes()


def test_a_special_token_spelled_out_in_a_text_stays_text(
    make_tokens: MakeTokens, tokenizer: PreTrainedTokenizerFast
) -> None:
    text = f"{LINE}{EOS}{BOS}{LINE}" + LINE
    tokens = make_tokens([text, LINE])
    assert int((tokens.flat == tokenizer.eos_token_id).sum()) <= 2
    assert text_of(tokens, tokenizer, tokens.documents.to_pylist()[0]) == text


def test_a_special_token_in_a_text_can_be_kept_or_dropped(
    make_tokens: MakeTokens, tokenizer: PreTrainedTokenizerFast
) -> None:
    text = f"{LINE}{EOS}{LINE}"
    kept = make_tokens([text, LINE], "kept", special_in_text="special")
    dropped = make_tokens([text, LINE], "dropped", special_in_text="drop")
    assert EOS in text_of(kept, tokenizer, kept.documents.to_pylist()[0])
    assert text_of(dropped, tokenizer, dropped.documents.to_pylist()[0]) == LINE + LINE
    assert dropped.artifact.manifest.metrics["special_tokens_dropped"] == 1


def test_short_documents_are_left_out_and_long_ones_cut(make_tokens: MakeTokens) -> None:
    tokens = make_tokens(["short", LINE * 2, LINE * 2], min_length=10, truncate=12)
    metrics = tokens.artifact.manifest.metrics
    assert metrics["documents_too_short"] == 1
    assert metrics["tokens_cut"] > 0
    assert tokens.documents["doc"].to_pylist() == [1, 2]
    assert tokens.documents["tokens"].to_pylist()[0] == 12


def test_a_stride_keeps_overlapping_pieces_of_one_document(
    make_tokens: MakeTokens, tokenizer: PreTrainedTokenizerFast
) -> None:
    tokens = make_tokens([LINE * 2], truncate=12, stride=8)
    rows = tokens.documents.to_pylist()
    ids = tokenizer(LINE * 2, add_special_tokens=False)["input_ids"]
    assert {row["doc"] for row in rows} == {0}
    assert [row["first_token"] for row in rows] == [8 * index for index in range(len(rows))]
    for row in rows[:-1]:
        start = row["first_token"]
        assert text_of(tokens, tokenizer, row) == tokenizer.decode(ids[start : start + 12])
    assert tokens.artifact.manifest.metrics["documents"] == 1


def test_a_stride_without_a_piece_length_is_refused() -> None:
    with pytest.raises(ValidationError, match="stride needs truncate"):
        TokenizeConfig(stride=4)


def test_a_corpus_of_one_token_says_how_many_tokens_there_are(make_tokens: MakeTokens) -> None:
    with pytest.raises(EmptyCorpus, match=r"hold 1 token, which do not fill one context of 16\."):
        make_tokens(["a"])


def test_too_little_text_is_answered_with_the_longest_context_that_would_do(make_tokens: MakeTokens) -> None:
    with pytest.raises(EmptyCorpus, match="do not fill one context of 512") as caught:
        make_tokens([LINE * 3], context_length=512)
    longest = int(caught.value.remedy.split("--context-length ")[1].split()[0])
    assert make_tokens([LINE * 3], "again", context_length=longest).n_contexts == 1


def test_too_little_held_out_text_is_told_from_too_little_text(make_tokens: MakeTokens) -> None:
    with pytest.raises(EmptyCorpus, match="The held-out documents hold"):
        make_tokens([f"{LINE} {number}" for number in range(20)], held_out=0.05, context_length=64)


def test_documents_that_are_all_too_short_are_told_so(make_tokens: MakeTokens) -> None:
    with pytest.raises(EmptyCorpus, match="All 2 documents are shorter than 500 tokens"):
        make_tokens([LINE, LINE], min_length=500)


def test_a_tokenizer_without_bos_gives_contexts_without_one_and_the_manifest_says_so(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast, make_corpus: MakeCorpus
) -> None:
    tokenizer.bos_token = None
    tokenize_with(tokenizer, make_corpus([LINE * 4]).path, "tiny", TokenizeConfig(context_length=8), tmp_path / "out")
    tokens = Tokens.open(tmp_path / "out")
    assert tokens.bos_id is None
    assert "no BOS" in str(tokens.layout.note)


def test_a_gpt2_like_tokenizer_uses_its_one_special_token_for_both(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast, make_corpus: MakeCorpus
) -> None:
    tokenizer.bos_token = EOS
    corpus = make_corpus([LINE * 4, LINE * 4])
    tokenize_with(tokenizer, corpus.path, "tiny", TokenizeConfig(context_length=8), tmp_path / "out")
    tokens = Tokens.open(tmp_path / "out")
    assert tokens.bos_id == tokens.layout.separator_id == 1


def test_a_missing_separator_is_refused_rather_than_left_out(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast, make_corpus: MakeCorpus
) -> None:
    tokenizer.eos_token = None
    with pytest.raises(BadInput, match="no EOS token to separate documents") as caught:
        tokenize_with(tokenizer, make_corpus([LINE * 4]).path, "tiny", TokenizeConfig(), tmp_path / "out")
    assert caught.value.remedy == "Choose --separator bos."


def test_tokenizing_leaves_the_tokenizer_as_it_was(make_tokens: MakeTokens, tokenizer: PreTrainedTokenizerFast) -> None:
    before = tokenizer(EOS)["input_ids"]
    make_tokens([LINE * 4])
    assert tokenizer(EOS)["input_ids"] == before == [1]


class CancelAtCheckpoint(StopSwitch):
    """Cancels at the n-th checkpoint."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.left = n

    def checkpoint(self) -> None:
        self.left -= 1
        if self.left <= 0:
            self.cancel()
        super().checkpoint()


@pytest.mark.parametrize("processes", [1, 2])
def test_a_cancelled_tokenization_leaves_nothing_and_can_be_made_again(
    processes: int, tmp_path: Path, tokenizer: PreTrainedTokenizerFast, make_corpus: MakeCorpus
) -> None:
    corpus, out = make_corpus([LINE] * 40), tmp_path / "made" / "tokens"
    config = TokenizeConfig(context_length=16, processes=processes)
    with pytest.raises(Cancelled):
        tokenize_with(tokenizer, corpus.path, "tiny", config, out, progress=CancelAtCheckpoint(20))
    assert list(out.parent.iterdir()) == []
    tokenize_with(tokenizer, corpus.path, "tiny", config, out)
    Tokens.open(out, deep=True)


def test_the_manifest_names_the_corpus_and_counts_every_token(make_tokens: MakeTokens) -> None:
    tokens = make_tokens([f"{one} {LINE}" for one in range(9)], held_out=0.3)
    manifest = tokens.artifact.manifest
    assert [one.kind.value for one in manifest.inputs] == ["corpus"]
    metrics = manifest.metrics
    separators = int((tokens.flat == 1).sum())
    assert metrics["tokens"] == len(tokens.flat)
    assert metrics["text_tokens"] + separators + tokens.n_contexts == len(tokens.flat)
    assert metrics["documents_held_out"] == 3
    assert manifest.config["model"] == "tiny"
