"""Work too heavy or too slow for the process that answers requests, and too short for a job.

It is done in a process of its own, which is ended when its time is over: a library that waits for a network that is not
there, or a file that turns out to be huge, holds nothing up. Request and answer are JSON on its pipes, so that a secret
among the arguments stands in no list of processes.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from mistudio import errors
from mistudio.config import Config
from mistudio.errors import ArtifactExists, MistudioError

_AT_ONCE = 2
_slots: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


def dataset_preview(**arguments: Any) -> Config:
    """See `corpora.preview.preview`."""
    from mistudio.corpora.preview import preview

    return preview(**arguments)


def document_statistics(path: str) -> Config:
    """See `corpora.documents.statistics`."""
    from mistudio.corpora.documents import statistics

    return statistics(path)


def token_text(source: str, out: str) -> Config:
    """Write the text of every token of a model's tokenizer; see `language_models.tokenizer_files`."""
    from mistudio.artifacts.atomic import new_directory
    from mistudio.language_models.tokenizer_files import token_table

    table = token_table(source)
    with suppress(ArtifactExists), new_directory(out) as partial:
        table.write(partial)
    return Config()


def token_statistics(path: str, text: str) -> Config:
    """See `corpora.statistics.stats`; `text` is what `token_text` wrote."""
    from mistudio.corpora.statistics import stats
    from mistudio.corpora.tokens import Tokens
    from mistudio.language_models.tokenizer_files import TokenTable

    return stats(Tokens.open(path), decode=TokenTable.open(Path(text)).pieces)


def model_config(source: str, revision: str | None, token: str | None) -> Config:
    """See `language_models.hub.fetch_config`."""
    from mistudio.language_models.hub import fetch_config

    return fetch_config(source, revision, token=token)


_WORK: dict[str, Callable[..., Config]] = {
    each.__name__: each for each in (dataset_preview, document_statistics, token_text, token_statistics, model_config)
}


async def aside(
    work: Callable[..., Config], arguments: Mapping[str, Any], *, seconds: float, late: MistudioError
) -> str:
    """Do one of the works above, each of which takes JSON.

    Args:
        seconds: how long it may take, its turn and the start of its process included.
        late: what is raised when it took longer.

    Returns:
        The answer as JSON.

    Raises:
        MistudioError: what the work raised, or `late`.
    """
    process = None
    try:
        slots = _slots.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(_AT_ONCE))
        async with asyncio.timeout(seconds), slots:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                __name__,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
            request = json.dumps({"work": work.__name__, "arguments": dict(arguments)}).encode()
            output, said = await process.communicate(request)
    except TimeoutError:
        raise late from None
    finally:
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return _answer(work.__name__, output, said, process.returncode)


def _answer(name: str, output: bytes, said: bytes, code: int | None) -> str:
    head, _, body = output.partition(b"\n")
    if head == b"done":
        return body.decode()
    if head == b"failed":
        kind, message, remedy = json.loads(body)
        raise getattr(errors, kind, MistudioError)(message, remedy=remedy)
    raise MistudioError(f"{name} ended with code {code}: {said.decode(errors='replace')[-2000:]}.")


def _main() -> None:
    request = json.load(sys.stdin)
    # What libraries print must not come between: the answer has the pipe for itself.
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        answer = b"done\n" + _WORK[request["work"]](**request["arguments"]).model_dump_json().encode()
    except MistudioError as error:
        answer = b"failed\n" + json.dumps([type(error).__name__, error.message, error.remedy]).encode()
    except MemoryError:
        words = ["NotEnoughMemory", "The machine has not enough memory for this.", "Try again when less runs."]
        answer = b"failed\n" + json.dumps(words).encode()
    except Exception:  # noqa: BLE001  a bug: its traceback goes to the log of the process that asked
        traceback.print_exc()
        os._exit(1)
    pipe.write(answer)
    pipe.flush()
    os._exit(0)


if __name__ == "__main__":
    _main()
