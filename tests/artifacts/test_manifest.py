"""An artifact says what it is, and damage is found and named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mistudio.artifacts.atomic import WORK
from mistudio.artifacts.digest import sha256_of
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import FORMAT_VERSION, MANIFEST, open_artifact, seal
from mistudio.errors import ArtifactBroken, FormatUnsupported, NotFound


def change_manifest(directory: Path, **changes: Any) -> None:
    path = directory / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_what_was_sealed_is_what_is_opened(corpus: Path):
    artifact = open_artifact(corpus, Kind.CORPUS, deep=True)

    assert artifact.manifest.kind is Kind.CORPUS
    assert artifact.manifest.config == {"held_out": 0.1}
    assert artifact.manifest.metrics == {"documents": 3}
    assert set(artifact.manifest.files) == {"text.txt", "parts/numbers.bin"}


def test_each_sealing_has_an_id_of_its_own(corpus: Path):
    first = open_artifact(corpus).manifest.id
    seal(corpus, Kind.CORPUS, config={})

    assert open_artifact(corpus).manifest.id != first


def test_a_later_artifact_names_its_input_by_the_hash_of_its_manifest(corpus: Path):
    named = open_artifact(corpus).as_input()

    assert (named.kind, named.sha256) == (Kind.CORPUS, sha256_of(corpus / MANIFEST))


def test_files_of_the_run_are_left_out_of_the_seal(corpus: Path):
    (corpus / WORK / "step-1").mkdir(parents=True)
    (corpus / WORK / "step-1" / "state.bin").write_bytes(b"1")
    manifest = seal(corpus, Kind.CORPUS, config={})

    assert set(manifest.files) == {"parts/numbers.bin", "text.txt"}


def test_a_missing_file_is_named(corpus: Path):
    (corpus / "parts" / "numbers.bin").unlink()

    with pytest.raises(ArtifactBroken, match=r"parts/numbers\.bin is missing"):
        open_artifact(corpus)


def test_a_truncated_file_is_named_with_both_sizes(corpus: Path):
    (corpus / "parts" / "numbers.bin").write_bytes(bytes(100))

    with pytest.raises(ArtifactBroken, match=r"parts/numbers\.bin has 100 bytes, and its manifest says 256"):
        open_artifact(corpus)


def test_a_changed_file_of_the_same_size_is_named_by_a_deep_look(corpus: Path):
    (corpus / "text.txt").write_text("Five score and seven years ago")

    open_artifact(corpus)
    with pytest.raises(ArtifactBroken, match=r"text\.txt was changed"):
        open_artifact(corpus, deep=True)


def test_another_kind_than_the_one_wanted_is_refused(corpus: Path):
    with pytest.raises(FormatUnsupported, match="is of kind corpus, and sae is wanted") as raised:
        open_artifact(corpus, Kind.SAE)
    assert raised.value.exit_code == 2


@pytest.mark.parametrize("unknown", [{}, {"kind": "dream"}, {"signature": "0xabc"}])
def test_a_later_format_is_refused_with_the_advice_to_upgrade_whatever_else_it_holds(
    corpus: Path, unknown: dict[str, str]
):
    change_manifest(corpus, format_version=FORMAT_VERSION + 1, **unknown)

    with pytest.raises(FormatUnsupported, match=f"has format {FORMAT_VERSION + 1}") as raised:
        open_artifact(corpus)
    assert "upgrade" in raised.value.remedy


def test_a_directory_without_a_manifest_is_no_artifact(tmp_path: Path):
    with pytest.raises(NotFound, match="is not a miStudio artifact"):
        open_artifact(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b'{"kind": "corpus"}', b"\xff\xfe\x00"])
def test_an_unreadable_manifest_is_named(corpus: Path, content: bytes):
    (corpus / MANIFEST).write_bytes(content)

    with pytest.raises(ArtifactBroken, match=r"manifest\.json cannot be read: .*[^.]\.$"):
        open_artifact(corpus)


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/hostname", "parts/../../outside.txt"])
def test_a_manifest_that_points_outside_its_directory_is_refused(corpus: Path, name: str):
    (corpus.parent / "outside.txt").write_text("secret")
    change_manifest(corpus, files={name: {"bytes": 6, "sha256": "0"}})

    with pytest.raises(ArtifactBroken, match="outside its directory"):
        open_artifact(corpus)
