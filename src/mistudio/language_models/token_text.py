"""The exact text of tokens, whatever the tokenizer.

1. The tokenizer's decoder tells its scheme: byte-level BPE (each character stands for a byte), SentencePiece (`▁` is a
   space, `<0xE2>` a byte), WordPiece (`##` continues a word), or plain text.
2. Each token is turned into bytes. Special and added tokens are their own text.
3. For display, the bytes of a sequence are decoded together: a character that is spread over several tokens is shown
   on the token that completes it, and the others show nothing.

SentencePiece and WordPiece tokens keep the space before a word, also at the start of a text, where `decode` drops it.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Protocol, runtime_checkable
from weakref import WeakKeyDictionary

_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")


@runtime_checkable
class Vocabulary(Protocol):
    """What is asked of a tokenizer; transformers' tokenizers fulfil it."""

    @property
    def added_tokens_decoder(self) -> Mapping[int, Any]:
        """Tokens that are their own text, by id."""

    def get_vocab(self) -> dict[str, int]:
        """The id of every token."""

    def convert_ids_to_tokens(self, ids: list[int]) -> Any:
        """The token of each id; None where there is none."""


_schemes: WeakKeyDictionary[Vocabulary, Callable[[str], bytes]] = WeakKeyDictionary()


def token_bytes(tokenizer: Vocabulary) -> list[bytes]:
    """The bytes of every id from 0 to the highest that the tokenizer knows; empty where an id has no token."""
    highest = max(tokenizer.get_vocab().values(), default=-1)
    return bytes_of(tokenizer, range(highest + 1))


def bytes_of(tokenizer: Vocabulary, ids: Sequence[int]) -> list[bytes]:
    """The bytes of each of these ids; empty for an id that the tokenizer does not know."""
    scheme = _schemes.get(tokenizer)
    if scheme is None:
        scheme = _schemes[tokenizer] = _scheme_of(tokenizer)
    added = {index: str(token).encode() for index, token in tokenizer.added_tokens_decoder.items()}
    tokens: Sequence[str | None] = tokenizer.convert_ids_to_tokens(list(ids))
    return [
        added[index] if index in added else scheme(token) if token is not None else b""
        for index, token in zip(ids, tokens, strict=True)
    ]


def decode_pieces(tokenizer: Vocabulary, ids: Sequence[int]) -> list[str]:
    """One string a token, which joined are the decoded text: nothing is lost, doubled or shown on a wrong token.

    Bytes that are no UTF-8 show as U+FFFD.
    """
    return pieces(bytes_of(tokenizer, ids))


def pieces(tokens: Sequence[bytes]) -> list[str]:
    """One string for each token's bytes; a character shows on the token that completes it."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    shown = [decoder.decode(token) for token in tokens]
    rest = decoder.decode(b"", final=True)
    if rest:
        shown[-1] += rest
    return shown


class PieceStream:
    """Text as its tokens come, one string a token: what `decode_pieces` gives, without knowing the tokens to come."""

    def __init__(self, tokenizer: Vocabulary) -> None:
        self._tokenizer = tokenizer
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def piece(self, index: int) -> str:
        """What the next token completes; empty inside a character."""
        return self._decoder.decode(bytes_of(self._tokenizer, [index])[0])

    def rest(self) -> str:
        """What the last tokens began and did not complete, as U+FFFD; call it when no more tokens come."""
        return self._decoder.decode(b"", final=True)


def _scheme_of(tokenizer: Vocabulary) -> Callable[[str], bytes]:
    names = _decoder_names(tokenizer)
    if "ByteLevel" in names:
        return _byte_level
    if "WordPiece" in names:
        return _word_piece
    if names & {"ByteFallback", "Metaspace", "Replace"}:
        return _sentence_piece
    # Tokenizers written in Python have no decoder object; their vocabulary tells.
    vocabulary = tokenizer.get_vocab()
    if any(token.startswith("Ġ") for token in vocabulary):
        return _byte_level
    if any(token.startswith("▁") for token in vocabulary):
        return _sentence_piece
    return str.encode


def _decoder_names(tokenizer: Vocabulary) -> set[str]:
    decoder = getattr(getattr(tokenizer, "backend_tokenizer", None), "decoder", None)
    if decoder is None:
        return set()
    state = json.loads(decoder.__getstate__())
    return {part["type"] for part in [state, *state.get("decoders", ())]}


def _byte_level(token: str) -> bytes:
    table = _byte_of_character()
    if all(character in table for character in token):
        return bytes(table[character] for character in token)
    return token.encode()


def _sentence_piece(token: str) -> bytes:
    if match := _BYTE_TOKEN.fullmatch(token):
        return bytes([int(match[1], 16)])
    return token.replace("▁", " ").encode()


def _word_piece(token: str) -> bytes:
    return token[2:].encode() if token.startswith("##") else b" " + token.encode()


@cache
def _byte_of_character() -> dict[str, int]:
    """GPT-2's table: printable Latin-1 bytes stand for themselves, the others for characters from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in set(printable)]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + n): byte for n, byte in enumerate(others)}
