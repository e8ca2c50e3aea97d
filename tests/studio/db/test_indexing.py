"""The database from the store: what is on disk has a row, what is not has none, and links are found again."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from mistudio.artifacts.atomic import write_json
from mistudio.artifacts.manifest import MANIFEST, open_artifact
from mistudio.artifacts.store import LocalStore
from mistudio.studio.db import artifacts, evaluations, features_load, trainings
from mistudio.studio.db.artifacts import TABLES
from mistudio.studio.db.features import Feature
from mistudio.studio.db.indexing import Indexed, index_artifact, index_store
from mistudio.studio.db.migrate import migrate
from mistudio.studio.db.session import Database, Session, columns
from tests.studio.small_store import copy_store

T = TypeVar("T")
LINKS = ("dataset_id", "model_id", "tokenization_id", "recording_id", "sae_id")


class Library:
    """A home and the database that is to mirror it."""

    def __init__(self, home: Path, url: str) -> None:
        self.home, self.url = home, url

    def index(self) -> Indexed:
        """Look at the store."""
        return self._run(lambda database: index_store(database, LocalStore(self.home), self.evaluations))

    @property
    def evaluations(self) -> Path:
        """Where the results of evaluations are."""
        return self.home / "studio" / "evaluations"

    def ask(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Do something in a transaction."""

        async def run(database: Database) -> T:
            async with database.session() as session:
                return await work(session)

        return self._run(run)

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Every row, without the time of its writing."""

        async def read(session: Session) -> dict[str, list[dict[str, Any]]]:
            found = {}
            for entity in TABLES:
                page, _ = await artifacts.page(session, entity, sort="name", limit=2000)
                found[entity] = [{k: v for k, v in columns(row).items() if k != "indexed_at"} for row in page]
            found["training"] = [columns(row) for row, _ in (await trainings.page(session, limit=2000))[0]]
            return found

        return self.ask(read)

    def row(self, entity: str, name: str) -> dict[str, Any]:
        """One row, by name."""
        return next(row for row in self.rows()[entity] if row["name"] == name)

    def names(self, entity: str) -> list[str]:
        """The names that there are rows of."""
        return sorted(row["name"] for row in self.rows()[entity])

    def forget_everything(self) -> None:
        """Take the schema down and up again."""
        asyncio.run(migrate(self.url, "base"))
        asyncio.run(migrate(self.url))

    def _run(self, work: Callable[[Database], Awaitable[T]]) -> T:
        async def run() -> T:
            database = Database(self.url)
            try:
                return await work(database)
            finally:
                await database.close()

        return asyncio.run(run())


@pytest.fixture
def library(small_store: Path, tmp_path: Path, database_url: str) -> Library:
    """A copy of the small store, at another place than where it was made, and an empty database."""
    copy_store(small_store, tmp_path / "home")
    return Library(tmp_path / "home", database_url)


def copy_of(directory: Path, name: str, suffix: str) -> Path:
    """A copy of an artifact under another name and with another id."""
    copy = directory.with_name(name)
    shutil.copytree(directory, copy)
    manifest = json.loads((copy / MANIFEST).read_text(encoding="utf-8"))
    write_json(copy / MANIFEST, {**manifest, "id": manifest["id"] + suffix})
    return copy


def test_everything_that_the_command_line_made_appears_with_its_links(library: Library) -> None:
    indexed = library.index()
    assert indexed.found == dict.fromkeys(TABLES, 1) | {"evaluation": 0}
    assert (indexed.added, indexed.changed, indexed.removed, indexed.broken) == (6, 0, 0, [])
    rows = {entity: found[0] for entity, found in library.rows().items()}
    links = {
        (entity, link): rows[entity][link] == rows[link.removesuffix("_id")]["id"]
        for entity in TABLES
        for link in LINKS
        if link in rows[entity]
    }
    assert len(links) == 10
    assert all(links.values()), links
    assert rows["dataset"]["documents"] == 60
    assert rows["training"]["sae_id"] == rows["sae"]["id"]
    assert rows["training"]["name"] == "road"


def test_an_id_counts_more_than_a_name_that_looks_like_it(library: Library) -> None:
    real = open_artifact(library.home / "saes" / "road").manifest.id
    copy_of(library.home / "saes" / "road", real, "-2")
    library.index()
    found = library.ask(lambda session: artifacts.get(session, "sae", real))
    assert found is not None
    assert (found.id, found.name) == (real, "road")


def test_a_store_that_did_not_change_changes_nothing(library: Library) -> None:
    library.index()
    again = library.index()
    assert (again.added, again.changed, again.removed) == (0, 0, 0)


def test_a_database_that_was_lost_is_rebuilt_row_for_row(library: Library) -> None:
    library.index()
    rows = library.rows()
    library.forget_everything()
    assert not any(library.rows().values())
    library.index()
    assert library.rows() == rows


def test_a_home_that_was_moved_keeps_ids_and_links(library: Library) -> None:
    library.index()
    before = library.rows()
    library.home = library.home.rename(library.home.with_name("moved"))
    moved = library.index()
    assert (moved.added, moved.changed, moved.removed) == (0, 6, 0)
    for entity, (row,) in library.rows().items():
        assert row == before[entity][0] | ({"path": row["path"]} if "path" in row else {})
        assert "moved" in row.get("path", "moved")


def test_paths_in_manifests_may_be_relative_to_any_place(library: Library) -> None:
    path = library.home / "tokens" / "letters-tiny" / MANIFEST
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["config"]["model"] = "somewhere/models/tiny"
    write_json(path, manifest)
    library.index()
    assert library.row("tokenization", "letters-tiny")["model_id"] == library.row("model", "tiny")["id"]


def test_a_renamed_directory_is_the_same_thing_under_another_name(library: Library) -> None:
    library.index()
    before = library.rows()
    (library.home / "corpora" / "letters").rename(library.home / "corpora" / "mail")
    (library.home / "saes" / "road").rename(library.home / "saes" / "path")
    library.index()
    after = library.rows()
    assert after["dataset"][0]["id"] == before["dataset"][0]["id"]
    assert after["tokenization"][0]["dataset_id"] == before["dataset"][0]["id"]
    assert library.names("dataset") == ["mail"]
    assert (library.names("sae"), library.names("training")) == (["path"], ["path"])
    assert after["feature_set"][0]["sae_id"] == before["sae"][0]["id"]


def test_two_directories_that_changed_names_keep_what_was_made_of_them(library: Library) -> None:
    copy_of(library.home / "saes" / "road", "other", "-2")
    library.index()
    sae_id = library.row("sae", "road")["id"]

    set_id = library.row("feature_set", "road")["id"]
    library.ask(lambda session: features_load.load(session, set_id, library.home / "journals"))
    folder = library.home / "saes"
    (folder / "road").rename(folder / "third")
    (folder / "other").rename(folder / "road")
    (folder / "third").rename(folder / "other")
    library.index()
    assert library.row("sae", "other")["id"] == sae_id
    assert library.row("feature_set", "road")["sae_id"] == sae_id
    assert library.ask(lambda session: session.get(Feature, (set_id, 3))) is not None


def test_what_is_gone_from_disk_is_gone_and_what_was_made_of_it_stays(library: Library) -> None:
    library.index()
    shutil.rmtree(library.home / "corpora" / "letters")
    shutil.rmtree(library.home / "saes" / "road")
    indexed = library.index()
    assert indexed.removed == 2
    assert library.names("dataset") == library.names("sae") == library.names("training") == []
    assert library.row("tokenization", "letters-tiny")["dataset_id"] is None
    assert library.row("feature_set", "road")["sae_id"] is None


def test_what_comes_back_finds_its_links_again(library: Library, tmp_path: Path) -> None:
    library.index()
    before = library.rows()
    shutil.move(library.home / "models" / "tiny", tmp_path / "away")
    library.index()
    assert library.row("sae", "road")["model_id"] is None
    shutil.move(tmp_path / "away", library.home / "models" / "tiny")
    library.index()
    assert library.rows() == before


def test_a_copy_with_the_same_id_is_named_and_the_original_counts(library: Library) -> None:
    shutil.copytree(library.home / "saes" / "road", library.home / "saes" / "zz-copy")
    for _ in range(3):
        indexed = library.index()
        assert library.names("sae") == ["road"]
        assert [each.path.name for each in indexed.broken] == ["zz-copy"]
        assert "it has the same id" in indexed.broken[0].message


def test_two_homes_with_the_same_ids_do_not_disturb_one_another(library: Library, tmp_path: Path) -> None:
    library.index()
    shutil.copytree(library.home, tmp_path / "second")
    second = Library(tmp_path / "second", library.url)
    assert second.index().changed == 6  # One database shows one home: the one that was looked at last.
    assert all(str(tmp_path / "second") in row["path"] for row in second.rows()["sae"])
    assert library.index().changed == 6


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: (path / MANIFEST).write_text("{", encoding="utf-8"), "cannot be read"),
        (lambda path: (path / MANIFEST).write_bytes(b"\xff\x00junk"), "cannot be read"),
        (lambda path: (path / "cfg.json").unlink(), "cfg.json is missing"),
        (lambda path: (path / "cfg.json").write_text("{}", encoding="utf-8"), "cfg.json has 2 bytes"),
    ],
)
def test_a_broken_artifact_is_named_and_keeps_its_row(library: Library, harm: Callable[[Path], Any], said: str) -> None:
    library.index()
    before = library.rows()
    harm(library.home / "saes" / "road")
    indexed = library.index()
    assert [said in each.message for each in indexed.broken] == [True]
    assert indexed.found["sae"] == 0
    assert library.rows() == before
    library.forget_everything()
    library.index()
    assert library.names("sae") == []
    assert library.names("feature_set") == ["road"]


def test_a_manifest_that_does_not_say_what_it_must_stops_nothing(library: Library) -> None:
    path = library.home / "tokens" / "letters-tiny" / MANIFEST
    manifest = json.loads(path.read_text(encoding="utf-8"))
    del manifest["metrics"]["contexts"]
    write_json(path, manifest)
    indexed = library.index()
    assert ["'contexts'" in each.message for each in indexed.broken] == [True]
    assert library.names("sae") == ["road"]


def test_what_is_being_made_or_removed_is_not_looked_at(library: Library) -> None:
    for name in (".road.partial", ".sae-1.deleted"):
        shutil.copytree(library.home / "saes" / "road", library.home / "saes" / name)
    (library.home / "saes" / "no manifest").mkdir()
    (library.home / "saes" / "a file").write_text("", encoding="utf-8")
    assert library.index().found["sae"] == 1


def test_one_artifact_is_written_in_the_place_of_another_of_its_name(library: Library) -> None:
    library.index()
    shutil.rmtree(library.home / "corpora" / "letters")
    (library.home / "corpora" / "letters").symlink_to(copy_of(library.home / "saes" / "road", "x", "-x"))
    (library.home / "corpora" / "letters").unlink()
    shutil.rmtree(library.home / "saes" / "x")
    road = library.home / "saes" / "road"
    other = copy_of(road, "other", "-2")
    shutil.rmtree(road)
    other.rename(road)
    row_id = library.ask(lambda session: index_artifact(session, "sae", open_artifact(road), job_id="job-1"))
    row = library.row("sae", "road")
    assert (row["id"], row["job_id"]) == (row_id, "job-1")
    library.index()
    assert library.row("sae", "road")["job_id"] == "job-1"


def evaluation(library: Library, name: str, sae_id: str) -> Path:
    """A result of an evaluation."""
    library.evaluations.mkdir(parents=True, exist_ok=True)
    path = library.evaluations / f"{name}.json"
    tokens = open_artifact(library.home / "tokens" / "letters-tiny").manifest.id
    at = datetime.now(UTC).isoformat(timespec="seconds")
    write_json(path, {"sae_id": sae_id, "tokenization_id": tokens, "created_at": at, "result": {"fvu": 0.5}})
    return path


def test_evaluations_come_and_go_with_their_files(library: Library) -> None:
    sae_id = open_artifact(library.home / "saes" / "road").manifest.id
    path = evaluation(library, "evaluation-1", sae_id)
    evaluation(library, "evaluation-2", "sae-gone")
    (library.evaluations / "evaluation-3.json").write_text("{}", encoding="utf-8")
    indexed = library.index()
    assert indexed.found["evaluation"] == 1
    assert [each.path.stem for each in indexed.broken] == ["evaluation-3"]
    rows = library.ask(lambda session: evaluations.of_sae(session, sae_id))
    assert [(row.id, row.result) for row in rows] == [("evaluation-1", {"fvu": 0.5})]
    path.unlink()
    assert library.index().removed == 1


def test_a_thousand_artifacts_are_looked_at_in_seconds(library: Library) -> None:
    for number in range(330):
        for kind, name in (("corpora", "letters"), ("tokens", "letters-tiny"), ("saes", "road")):
            directory = library.home / kind / name
            copy = directory.with_name(f"copy{number}")
            shutil.copytree(directory, copy, copy_function=os.link)
            manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
            (copy / MANIFEST).unlink()
            write_json(copy / MANIFEST, {**manifest, "id": f"{manifest['id']}-{number}"})
    began = time.process_time()
    assert library.index().added == 996
    # Of this process alone, and generous: something that grows with the square of the number takes far longer.
    assert time.process_time() - began < 10
    began = time.process_time()
    assert library.index().added == 0
    assert time.process_time() - began < 10
