import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from mistudio.language_models.token_text import PieceStream, bytes_of, decode_pieces, pieces, token_bytes
from tests.tiny_models import tiny_tokenizer

TEXTS = [
    "the state of the union",
    "  two  spaces\tand\na line\r\n",
    "naïve café — “quoted”",
    "日本語のテキスト、中文。",
    "👩‍👩‍👧‍👦 family 🏳️‍🌈 and 🎉",
    "def f(x):\n    return {'a': x ** 2}  # done",
    "\x00\x7f\u00a0\u200b\ufeff",
    "العربية עברית हिन्दी",
]


def sentencepiece_tokenizer() -> PreTrainedTokenizerFast:
    vocab = {"<unk>": 0, "<s>": 1, "</s>": 2} | {f"<0x{byte:02X}>": 3 + byte for byte in range(256)}
    for token in ("▁", "▁the", "t", "h", "e", "▁union", "s", "日", "▁▁"):
        vocab[token] = len(vocab)
    tokenizer = Tokenizer(models.BPE(vocab, [], unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=True)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        clean_up_tokenization_spaces=False,
    )


def word_piece_tokenizer() -> PreTrainedTokenizerFast:
    vocab = {"[UNK]": 0, "un": 1, "##ion": 2, "the": 3}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.WordPiece(cleanup=False)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", clean_up_tokenization_spaces=False)


@pytest.mark.parametrize("text", TEXTS)
def test_byte_level_tokens_are_the_texts_bytes(text):
    tokenizer = tiny_tokenizer()
    ids = tokenizer(text).input_ids
    assert b"".join(bytes_of(tokenizer, ids)) == text.encode()


@pytest.mark.parametrize("text", TEXTS)
def test_byte_level_pieces_joined_are_the_decoded_text(text):
    tokenizer = tiny_tokenizer()
    ids = [tokenizer.bos_token_id, *tokenizer(text).input_ids]
    shown = decode_pieces(tokenizer, ids)
    assert len(shown) == len(ids)
    assert "".join(shown) == tokenizer.decode(ids)


@pytest.mark.parametrize("text", TEXTS)
def test_sentencepiece_tokens_are_the_texts_bytes_after_a_leading_space(text):
    tokenizer = sentencepiece_tokenizer()
    ids = tokenizer(text, add_special_tokens=False).input_ids
    joined = b"".join(bytes_of(tokenizer, ids))
    assert joined.removeprefix(b" ") == text.removeprefix(" ").encode()
    assert "".join(decode_pieces(tokenizer, ids)).removeprefix(" ") == tokenizer.decode(ids)


def test_sentencepiece_bytes_and_spaces_are_exact():
    tokenizer = sentencepiece_tokenizer()
    table = token_bytes(tokenizer)
    assert table[3 + 0xE2] == b"\xe2"
    assert table[tokenizer.convert_tokens_to_ids("▁the")] == b" the"
    assert table[tokenizer.convert_tokens_to_ids("▁▁")] == b"  "
    assert table[1] == b"<s>"


def test_word_piece_tokens_continue_words():
    assert token_bytes(word_piece_tokenizer()) == [b"[UNK]", b" un", b"ion", b" the"]


def test_a_character_split_over_tokens_shows_on_the_token_that_completes_it():
    tokenizer = tiny_tokenizer()
    ids = tokenizer("🎉").input_ids
    assert len(ids) == 4
    assert decode_pieces(tokenizer, ids) == ["", "", "", "🎉"]


def test_a_character_cut_off_at_the_end_shows_as_a_replacement_on_the_last_token():
    tokenizer = tiny_tokenizer()
    ids = tokenizer("the 🎉").input_ids[:-1]
    shown = decode_pieces(tokenizer, ids)
    assert "".join(shown) == tokenizer.decode(ids)
    assert shown[-1].endswith("\N{REPLACEMENT CHARACTER}")


def test_no_tokens_are_no_pieces():
    assert pieces([]) == []


def test_every_byte_and_every_special_token_is_in_the_table():
    tokenizer = tiny_tokenizer()
    table = token_bytes(tokenizer)
    assert len(table) == len(tokenizer)
    assert {bytes([byte]) for byte in range(256)} <= set(table)
    assert table[:3] == [b"<|bos|>", b"<|eos|>", b"<|pad|>"]


def test_an_id_beyond_the_tokenizer_has_no_text():
    assert bytes_of(tiny_tokenizer(), [5000]) == [b""]


def test_a_token_added_later_is_its_own_text():
    tokenizer = tiny_tokenizer()
    tokenizer.add_tokens(["<think> Ġ"])
    assert token_bytes(tokenizer)[-1] == "<think> Ġ".encode()


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("make", [tiny_tokenizer, sentencepiece_tokenizer])
def test_pieces_told_token_by_token_are_those_of_the_whole_text(make, text):
    tokenizer = make()
    ids = tokenizer.encode(text, add_special_tokens=False)
    for length in range(1, len(ids) + 1):
        stream = PieceStream(tokenizer)
        shown = [stream.piece(index) for index in ids[:length]]
        shown[-1] += stream.rest()
        assert shown == decode_pieces(tokenizer, ids[:length])
