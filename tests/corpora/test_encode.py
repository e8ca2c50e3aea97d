"""What happens to the processes that tokenize when something dies."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing import active_children
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from mistudio.corpora.corpus import read_documents
from mistudio.corpora.encode import encode
from mistudio.errors import MistudioError
from tests.corpora.conftest import MakeCorpus

PROGRAM = """
import time
from collections.abc import Callable
from multiprocessing import active_children
from pathlib import Path
from mistudio.corpora.corpus import read_documents
from mistudio.corpora.encode import encode

def main():
    from transformers import PreTrainedTokenizerFast
    tokenizer = PreTrainedTokenizerFast.from_pretrained({tokenizer!r})
    documents = list(read_documents(Path({corpus!r}))) * 600
    encoded = encode(documents, tokenizer, special=False, processes=2)
    next(encoded)
    print(*(child.pid for child in active_children()), flush=True)
    time.sleep(60)
"""


@pytest.fixture
def start(
    tmp_path: Path, make_corpus: MakeCorpus, tokenizer: PreTrainedTokenizerFast
) -> Callable[[str], subprocess.Popen[str]]:
    """Start a program that tokenizes in two processes, prints their ids and sleeps."""

    def start(last_line: str) -> subprocess.Popen[str]:
        tokenizer.save_pretrained(tmp_path / "tokenizer")
        script = tmp_path / "program.py"
        names = {"corpus": str(make_corpus(["words"] * 5).path), "tokenizer": str(tmp_path / "tokenizer")}
        script.write_text(PROGRAM.format(**names) + last_line)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen([sys.executable, str(script)], text=True, **pipes)

    return start


def test_workers_end_when_the_process_that_started_them_is_killed(
    start: Callable[[str], subprocess.Popen[str]],
) -> None:
    with start("if __name__ == '__main__': main()") as process:
        assert process.stdout is not None
        workers = [int(pid) for pid in process.stdout.readline().split()]
        os.kill(process.pid, signal.SIGKILL)
    assert len(workers) == 2
    deadline = time.monotonic() + 20
    while any(_runs(pid) for pid in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_program_that_guards_no_main_module_is_told_so_and_does_not_hang(
    start: Callable[[str], subprocess.Popen[str]],
) -> None:
    with start("main()") as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "MistudioError: A process that tokenizes ended before its work was done." in said


def test_a_worker_that_dies_ends_the_work_with_a_sentence(
    make_corpus: MakeCorpus, tokenizer: PreTrainedTokenizerFast
) -> None:
    documents = list(read_documents(make_corpus(["words"] * 5).path)) * 600
    encoded = encode(documents, tokenizer, special=False, processes=2)
    next(encoded)
    victim = active_children()[0]
    victim.kill()
    victim.join()
    with pytest.raises(MistudioError, match="ended before its work was done") as caught:
        list(encoded)
    assert "--processes 1" in caught.value.remedy
    assert active_children() == []


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie that nobody reaps has ended.
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] != "Z"
