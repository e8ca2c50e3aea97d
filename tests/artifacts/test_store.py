"""Names of the store stay in the store."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import MANIFEST
from mistudio.artifacts.store import LocalStore
from mistudio.errors import BadInput, NotFound

ESCAPES = ["../evil", "..", ".", "/etc", "a/b", "", ".hidden", "-rf", "a\nb", "a\x00b", "~root", "a" * 129, "naïve"]


@pytest.fixture
def store(tmp_path: Path, corpus: Path) -> LocalStore:
    store = LocalStore(tmp_path / "home")
    shutil.copytree(corpus, store.path(Kind.CORPUS, "letters"))
    return store


@pytest.mark.parametrize("name", ESCAPES)
def test_a_name_that_would_leave_the_store_is_refused(store: LocalStore, name: str):
    with pytest.raises(BadInput, match="is not a name for the store"):
        store.path(Kind.SAE, name)


@pytest.mark.parametrize("name", ["../corpora/letters", "..", ""])
def test_a_reference_does_not_leave_its_folder_of_the_store(store: LocalStore, name: str):
    with pytest.raises(NotFound):
        store.find(Kind.SAE, name)


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_a_folder_of_its_own_directly_in_the_store(store: LocalStore, kind: Kind):
    assert store.path(kind, "x.y-z_0").parent.parent == store.home
    assert len({each.folder for each in Kind}) == len(Kind)


def test_a_new_store_is_for_its_owner_alone(tmp_path: Path):
    store = LocalStore(tmp_path / "new" / "home")
    store.path(Kind.SAE, "sae")
    assert stat.S_IMODE(store.home.stat().st_mode) == 0o700


def test_a_reference_is_a_name_or_a_directory(store: LocalStore, corpus: Path):
    assert store.find(Kind.CORPUS, "letters") == store.home / "corpora" / "letters"
    assert store.find(Kind.CORPUS, str(corpus)) == corpus


def test_an_unknown_name_is_answered_with_the_known_ones(store: LocalStore):
    with pytest.raises(NotFound, match="There is no corpus called 'lettres'") as raised:
        store.find(Kind.CORPUS, "lettres")
    assert raised.value.remedy == "Known here: letters."


def test_broken_and_unfinished_artifacts_are_not_listed(store: LocalStore):
    shutil.copytree(store.path(Kind.CORPUS, "letters"), store.home / "corpora" / "broken")
    (store.home / "corpora" / "broken" / "text.txt").unlink()
    shutil.copytree(store.path(Kind.CORPUS, "letters"), store.home / "corpora" / "unfinished")
    (store.home / "corpora" / "unfinished" / MANIFEST).unlink()

    assert [artifact.path.name for artifact in store.list(Kind.CORPUS)] == ["letters"]


def test_a_store_that_does_not_exist_is_empty_and_is_not_made_by_looking(tmp_path: Path):
    store = LocalStore(tmp_path / "home")
    assert store.list(Kind.MODEL) == []
    assert not store.home.exists()
