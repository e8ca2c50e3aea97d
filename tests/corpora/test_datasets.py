"""Data sets by way of the `datasets` library, from local folders and from a stand-in of the Hub: no network."""

import json
import os
import subprocess
import sys
from pathlib import Path

import datasets
import huggingface_hub
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mistudio.corpora.config import CorpusConfig
from mistudio.corpora.hub_datasets import read_dataset
from mistudio.corpora.sources import read_sources
from mistudio.errors import BadInput, DownloadFailed, NotFound
from tests.corpora.hub_stand_in import serve


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A data set as the Hub lays it out: two splits of Parquet files."""
    folder = tmp_path / "speeches"
    (folder / "data").mkdir(parents=True)
    table = pa.table({"speech": ["one", None, "three"], "year": [1790, 1791, 1792], "tags": [["a"], [], ["b"]]})
    pq.write_table(table, folder / "data" / "train-00000-of-00001.parquet")
    pq.write_table(table.slice(0, 1), folder / "data" / "test-00000-of-00001.parquet")
    return folder


@pytest.mark.parametrize("streaming", [True, False])
def test_a_split_is_read_row_by_row_with_the_other_scalars_as_metadata(repository: Path, streaming: bool) -> None:
    config = CorpusConfig(sources=("x",), column="speech", streaming=streaming)
    texts = list(read_dataset(str(repository), config))
    assert [(text.name, text.text, text.metadata) for text in texts] == [
        ("speeches#1", "one", {"year": 1790}),
        ("speeches#2", "", {"year": 1791}),
        ("speeches#3", "three", {"year": 1792}),
    ]


def test_another_split_can_be_chosen(repository: Path) -> None:
    config = CorpusConfig(sources=("x",), column="speech", split="test")
    assert len(list(read_dataset(str(repository), config))) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"column": "text"}, "has no column 'text'; it has speech, year, tags"),
        ({"column": "year"}, "Column 'year' of Row 1 .* holds a number, not text"),
        ({"column": "speech", "split": "tran"}, "cannot be read: Bad split: tran. Available splits"),
        ({"column": "speech", "config_name": "en"}, "cannot be read: BuilderConfig 'en' not found"),
    ],
)
def test_a_wrong_choice_is_answered_with_what_there_is(repository: Path, options: dict[str, str], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        list(read_dataset(str(repository), CorpusConfig(sources=("x",), **options)))


def test_a_folder_that_datasets_saved_is_read_as_a_data_set(tmp_path: Path) -> None:
    rows = datasets.Dataset.from_dict({"text": ["a", "b"], "n": [1, 2]})
    rows.save_to_disk(tmp_path / "saved")
    datasets.DatasetDict({"train": rows}).save_to_disk(tmp_path / "splits")
    for name in ("saved", "splits"):
        texts = list(read_sources(CorpusConfig(sources=(str(tmp_path / name),))))
        assert [(text.name, text.text, text.metadata) for text in texts] == [
            (f"{name}#1", "a", {"n": 1}),
            (f"{name}#2", "b", {"n": 2}),
        ]
    with pytest.raises(BadInput, match="has no split 'test'; it has train"):
        list(read_sources(CorpusConfig(sources=(str(tmp_path / "splits"),), split="test")))


def test_a_name_that_is_neither_path_nor_data_set_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="There is no file or folder a/b/c"):
        read_sources(CorpusConfig(sources=("a/b/c",)))


def test_a_data_set_that_cannot_be_reached_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for constants in (datasets.config, huggingface_hub.constants):
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(DownloadFailed, match="'owner/name' is no file or folder here, and reading it from the Hub"):
        list(read_sources(CorpusConfig(sources=("owner/name",))))


ASK_THE_HUB = """
import json, sys
from mistudio.corpora.config import CorpusConfig
from mistudio.corpora.sources import read_sources
from mistudio.errors import MistudioError
for options in json.load(sys.stdin):
    try:
        print([text.text for text in read_sources(CorpusConfig(**options))])
    except MistudioError as error:
        print(type(error).__name__, error)
"""


def test_a_data_set_of_the_hub_is_found_by_its_id_and_what_it_lacks_is_named(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "hub" / "owner").mkdir(parents=True)
    repository.rename(tmp_path / "hub" / "owner" / "speeches")
    there = {"sources": ["owner/speeches"], "column": "speech"}
    questions = [
        there,
        {**there, "streaming": False, "split": "test"},
        {**there, "limit": 1, "revision": "a" * 40},
        {**there, "split": "tran"},
        {**there, "column": "text"},
        {**there, "revision": "v9"},
        {**there, "sources": ["owner/nothing"]},
    ]
    with serve(tmp_path / "hub") as endpoint:
        environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "home")}
        answer = subprocess.run(
            [sys.executable, "-c", ASK_THE_HUB],
            input=json.dumps(questions),
            env={name: value for name, value in environment.items() if name != "HF_HUB_OFFLINE"},
            capture_output=True,
            text=True,
            check=True,
        )
    lines = answer.stdout.splitlines()
    assert lines[:3] == ["['one', '', 'three']", "['one']", "['one']"]
    assert lines[3].startswith("BadInput The data set owner/speeches cannot be read: Bad split: tran. Available")
    assert lines[4] == "BadInput The data set owner/speeches has no column 'text'; it has speech, year, tags."
    assert lines[5].startswith("NotFound 'owner/speeches' is no file or folder here, and the Hub has no such")
    assert lines[6].startswith("NotFound 'owner/nothing' is no file or folder here, and the Hub has no such")
