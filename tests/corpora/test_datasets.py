"""Data sets by way of the `datasets` library, from local folders: no network."""

from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mistudio.corpora.config import CorpusConfig
from mistudio.corpora.hub_datasets import read_dataset
from mistudio.corpora.sources import read_sources
from mistudio.errors import BadInput, NotFound


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
