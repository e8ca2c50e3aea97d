import json
import subprocess
import sys

import pytest

from mistudio.errors import ArtifactBroken, UnknownModel
from mistudio.language_models.token_text import decode_pieces, token_bytes
from mistudio.language_models.tokenizer_files import TokenTable, read_token_table, token_table
from tests.language_models.test_token_text import TEXTS, sentencepiece_tokenizer, word_piece_tokenizer
from tests.tiny_models import tiny_tokenizer

MAKERS = [tiny_tokenizer, sentencepiece_tokenizer, word_piece_tokenizer]


def saved(make, directory):
    tokenizer = make()
    tokenizer.save_pretrained(directory)
    return tokenizer


@pytest.mark.parametrize("make", MAKERS)
def test_the_file_says_of_every_token_what_transformers_says(make, tmp_path):
    tokenizer = saved(make, tmp_path)
    table = token_table(str(tmp_path))
    assert len(table) == len(token_bytes(tokenizer))
    assert table.bytes_of(range(len(table))) == token_bytes(tokenizer)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("make", [tiny_tokenizer, sentencepiece_tokenizer])
def test_pieces_from_the_file_are_those_of_the_tokenizer(make, text, tmp_path):
    tokenizer = saved(make, tmp_path)
    ids = tokenizer(text).input_ids
    assert token_table(str(tmp_path)).pieces(ids) == decode_pieces(tokenizer, ids)


def test_a_token_that_only_the_settings_name_is_its_own_text(tmp_path):
    saved(tiny_tokenizer, tmp_path)
    settings = tmp_path / "tokenizer_config.json"
    content = json.loads(settings.read_text())
    content["added_tokens_decoder"] = {"330": {"content": "<think> Ġ"}}
    settings.write_text(json.dumps(content))
    table = token_table(str(tmp_path))
    assert table.bytes_of([330, 325]) == ["<think> Ġ".encode(), b""]


def test_ids_that_there_are_not_have_no_text(tmp_path):
    saved(tiny_tokenizer, tmp_path)
    assert token_table(str(tmp_path)).bytes_of([-1, 5000, 0]) == [b"", b"", b"<|bos|>"]


def test_a_written_table_reads_as_it_was(tmp_path):
    table = TokenTable.of([b"a", b"", "日本".encode(), b"\xe2"])
    table.write(tmp_path / "vocabulary")
    read = TokenTable.open(tmp_path / "vocabulary")
    assert read.bytes_of(range(4)) == [b"a", b"", "日本".encode(), b"\xe2"]
    assert read.nbytes == table.nbytes


def test_a_file_that_is_no_tokenizer_is_refused_by_name(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ArtifactBroken, match=r"tokenizer\.json"):
        read_token_table(tmp_path / "tokenizer.json")


def test_a_tokenizer_without_that_file_is_read_by_transformers(tmp_path):
    tokenizer = saved(tiny_tokenizer, tmp_path)
    state = json.loads((tmp_path / "tokenizer.json").read_text())
    (tmp_path / "tokenizer.json").unlink()
    (tmp_path / "vocab.json").write_text(json.dumps(state["model"]["vocab"]))
    (tmp_path / "merges.txt").write_text("\n".join(" ".join(pair) for pair in state["model"]["merges"]))
    settings = {"tokenizer_class": "GPT2Tokenizer", "bos_token": "<|bos|>", "eos_token": "<|eos|>"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    ids = tokenizer("naïve 🎉 text").input_ids
    assert token_table(str(tmp_path)).pieces(ids) == decode_pieces(tokenizer, ids)


def test_what_is_no_model_at_all_is_said(tmp_path):
    with pytest.raises(UnknownModel):
        token_table(str(tmp_path / "gone"))


def test_neither_torch_nor_transformers_is_loaded_for_a_file(tmp_path):
    saved(tiny_tokenizer, tmp_path)
    code = (
        "import sys; from mistudio.language_models.tokenizer_files import token_table; "
        f"token_table({str(tmp_path)!r}).pieces([5]); print([m for m in ('torch', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]"
