"""Documents to token ids, in batches: with the tokenizer's own threads, or in several processes.

1. Documents are gathered into batches of bounded size.
2. A batch is encoded without special tokens: the packer places those.
3. With several processes, batches are dealt round, one under way in each, and come back in the order in which they
   went out.

A document is encoded whole: cutting it would change the tokens at the cut.
"""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from jaxtyping import UInt32
from transformers import PreTrainedTokenizerBase

from mistudio.corpora.corpus import Document
from mistudio.errors import MistudioError

Ids = UInt32[np.ndarray, " _"]

_BATCH_CHARACTERS = 2_000_000
_BATCH_DOCUMENTS = 512


@dataclass(frozen=True, slots=True)
class Encoded:
    """A document and its token ids, without BOS or separator."""

    document: Document
    ids: Ids


def encode(
    documents: Iterable[Document], tokenizer: PreTrainedTokenizerBase, *, special: bool, processes: int = 1
) -> Iterator[Encoded]:
    """Encode documents in their order.

    Args:
        special: let special tokens spelled out in the text become special tokens; else they are ordinary text.
        processes: 1 encodes here.
    """
    batches = _batches(documents)
    if processes == 1:
        for batch in batches:
            yield from map(Encoded, batch, encode_texts(tokenizer, [document.text for document in batch], special))
        return
    workers = [_Worker() for _ in range(processes)]
    busy: deque[_Worker] = deque()
    try:
        for worker in workers:
            worker.send((tokenizer, special))
        for batch in batches:
            worker = busy.popleft() if len(busy) == processes else workers[len(busy)]
            done = worker.take()
            worker.give(batch)
            busy.append(worker)
            yield from done
        while busy:
            yield from busy.popleft().take()
    finally:
        for worker in workers:
            worker.end()


def encode_texts(tokenizer: PreTrainedTokenizerBase, texts: list[str], special: bool) -> list[Ids]:
    """The ids of each text."""
    if not texts:
        return []
    encoding: Any = tokenizer(
        texts,
        add_special_tokens=False,
        split_special_tokens=not special,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
    )
    return [np.array(ids, dtype=np.uint32) for ids in encoding["input_ids"]]


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    batch: list[Document] = []
    characters = 0
    for document in documents:
        batch.append(document)
        characters += len(document.text)
        if characters >= _BATCH_CHARACTERS or len(batch) >= _BATCH_DOCUMENTS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


class _Worker:
    """A process that encodes one batch at a time; it ends when this process does, since its pipe then closes."""

    def __init__(self) -> None:
        # Not forked: a fork of a process with threads, which torch and the tokenizer start, may hang.
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        # The tokenizer is sent later: a large argument blocks `start` for ever if the process dies while starting.
        self._process = context.Process(target=_work, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self._batch: list[Document] = []

    def give(self, batch: list[Document]) -> None:
        self._batch = batch
        self.send([document.text for document in batch])

    def take(self) -> list[Encoded]:
        """What was given last, encoded; nothing if nothing was."""
        if not self._batch:
            return []
        try:
            answer = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise _ended() from error
        if isinstance(answer, Exception):
            raise answer
        batch, self._batch = self._batch, []
        return list(map(Encoded, batch, answer))

    def send(self, content: object) -> None:
        try:
            self._pipe.send(content)
        except OSError as error:
            raise _ended() from error

    def end(self) -> None:
        self._pipe.close()
        self._process.terminate()
        self._process.join()


def _ended() -> MistudioError:
    return MistudioError(
        "A process that tokenizes ended before its work was done.",
        remedy="Use --processes 1; in a script of your own, put the call under `if __name__ == '__main__':`.",
    )


def _work(pipe: Connection) -> None:
    # Ctrl-C reaches the whole process group; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        tokenizer, special = pipe.recv()
        while True:
            texts = pipe.recv()
            try:
                # One text at a time keeps a fast tokenizer to one thread: here the processes run in parallel.
                pipe.send([encode_texts(tokenizer, [text], special)[0] for text in texts])
            except Exception as error:
                pipe.send(error)
                raise
    except (EOFError, BrokenPipeError):
        return
