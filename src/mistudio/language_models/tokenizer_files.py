"""The text of a model's tokens, read from its `tokenizer.json` without transformers or torch, and kept small.

1. The file is found: in a model's directory, or in the Hub's local cache. Nothing is fetched.
2. Its vocabulary becomes one table of bytes (see `token_text`), a few megabytes also for the largest vocabularies.
3. Models without that file (GGUF, or tokenizers of another make) are read by transformers, which takes seconds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from mistudio.errors import ArtifactBroken
from mistudio.language_models.token_text import pieces, token_bytes

_FILE = "tokenizer.json"
_SETTINGS = "tokenizer_config.json"


@dataclass(frozen=True, eq=False)
class TokenTable:
    """The bytes of every token, one after another."""

    content: NDArray[np.uint8]
    starts: NDArray[np.int64]
    """Token t has content[starts[t] : starts[t + 1]]."""

    @classmethod
    def of(cls, tokens: Sequence[bytes]) -> TokenTable:
        """The table of all tokens from id 0 on."""
        starts = np.zeros(len(tokens) + 1, np.int64)
        np.cumsum([len(token) for token in tokens], out=starts[1:])
        return cls(np.frombuffer(b"".join(tokens), np.uint8), starts)

    @classmethod
    def open(cls, directory: Path) -> TokenTable:
        """Map the files that `write` made."""
        content, starts = (np.asarray(np.load(directory / f"{name}.npy", mmap_mode="r")) for name in _COLUMNS)
        return cls(content, starts)

    def write(self, directory: Path) -> None:
        """Write one file an array."""
        directory.mkdir(exist_ok=True)
        for name in _COLUMNS:
            np.save(directory / f"{name}.npy", getattr(self, name))

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def nbytes(self) -> int:
        """Memory that it takes, in bytes."""
        return self.content.nbytes + self.starts.nbytes

    def bytes_of(self, ids: Sequence[int]) -> list[bytes]:
        """The bytes of each of these ids; empty for an id that there is not."""
        asked = np.asarray(ids, np.int64)
        within = np.where((asked >= 0) & (asked < len(self)), asked, len(self))
        begins, ends = self.starts[within].tolist(), self.starts[np.minimum(within + 1, len(self))].tolist()
        return [self.content[begin:end].tobytes() for begin, end in zip(begins, ends, strict=True)]

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """One string a token, which joined are the text; see `token_text.decode_pieces`."""
        return pieces(self.bytes_of(ids))


_COLUMNS = ("content", "starts")


def token_table(source: str, revision: str | None = None) -> TokenTable:
    """The text of every token of a model.

    Args:
        source: a model's directory, a .gguf file, or a Hub id.
        revision: branch, tag or commit; Hub ids only.

    Raises:
        ArtifactBroken: the tokenizer's file cannot be read.
        UnknownModel: there is no such model; and what else `load_tokenizer` raises where there is no tokenizer.json.
    """
    path = _find(source, revision)
    if path is not None:
        return read_token_table(path)
    from mistudio.language_models.loading import load_tokenizer

    return TokenTable.of(token_bytes(load_tokenizer(source, revision)))


def read_token_table(path: Path) -> TokenTable:
    """The text of every token that a `tokenizer.json` knows.

    Raises:
        ArtifactBroken: the file cannot be read.
    """
    try:
        vocabulary = _Vocabulary(path)
    except Exception as error:  # tokenizers raises no class of its own
        reason = " ".join(str(error).split())[:200]
        raise ArtifactBroken(f"{path} is no tokenizer that can be read: {reason}") from error
    return TokenTable.of(token_bytes(vocabulary))


class _Vocabulary:
    """What `token_text` asks of a tokenizer, from the file alone."""

    def __init__(self, path: Path) -> None:
        self.backend_tokenizer = Tokenizer.from_file(str(path))
        self.added_tokens_decoder: Mapping[int, object] = {
            **_added_in_settings(path.with_name(_SETTINGS)),
            **self.backend_tokenizer.get_added_tokens_decoder(),
        }
        self._vocabulary = self.backend_tokenizer.get_vocab()
        self._vocabulary |= {str(token): index for index, token in self.added_tokens_decoder.items()}
        self._tokens = {index: token for token, index in self._vocabulary.items()}

    def get_vocab(self) -> dict[str, int]:
        return self._vocabulary

    def convert_ids_to_tokens(self, ids: list[int]) -> list[str | None]:
        return [self._tokens.get(index) for index in ids]


def _added_in_settings(path: Path) -> dict[int, str]:
    """Tokens that only the settings beside the tokenizer name, as older models have them."""
    if not path.is_file():
        return {}
    named = json.loads(path.read_text(encoding="utf-8")).get("added_tokens_decoder", {})
    return {int(index): str(token["content"]) for index, token in named.items()}


def _find(source: str, revision: str | None) -> Path | None:
    given = Path(source).expanduser()
    if given.exists():
        path = given / _FILE
        return path if path.is_file() else None
    from mistudio.language_models.hub import cached_file

    return cached_file(source, revision, _FILE)
