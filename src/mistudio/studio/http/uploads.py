"""Files that are uploaded: each goes to a folder of its own as it arrives, and is there whole or not at all.

Memory holds a piece of it, never the file. What nobody made a data set of is removed after a week.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from mistudio.artifacts.atomic import disk_full_is_said, partial_of
from mistudio.corpora.config import FILE_KINDS
from mistudio.errors import BadInput, DiskFull, TooLarge
from mistudio.studio.http.paths import UPLOAD
from mistudio.studio.http.schemas import ApiModel
from mistudio.studio.settings import Settings

_PART = "file"
_KEPT_SECONDS = 7 * 24 * 3600
_PIECE_BYTES = 2**20
_LONGEST_STEM, _LONGEST_STEM_BYTES = 100, 200
"""In characters, and as written on disk: a name has room for 255 bytes there, with `.partial` around it at first."""


class Uploaded(ApiModel):
    """A file that was uploaded."""

    source: str
    """Name it as a source when a data set is previewed or added; it is kept until it was added, or for a week."""
    name: str
    bytes: int


async def receive(
    settings: Settings, content_type: str, stated_bytes: int | None, stream: AsyncIterator[bytes]
) -> Uploaded:
    """Write the file in a multipart body to disk while it comes.

    Args:
        content_type: of the request.
        stated_bytes: how large the body says it is.

    Raises:
        BadInput: the body is no form, has no file in it or several, or one of an unknown kind.
        TooLarge: there is more than may be uploaded.
        DiskFull: the disk has no room for it.
    """
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise BadInput("The body is no form with a file.", remedy=f"Send multipart/form-data with a part {_PART!r}.")
    await asyncio.to_thread(_make_room, settings, stated_bytes)
    form = _Form(settings.uploads_dir / uuid.uuid4().hex[:12], settings.max_upload_bytes)
    parser = MultipartParser(options[b"boundary"], form.callbacks())  # type: ignore[arg-type]
    try:
        async for piece in stream:
            parser.write(piece)
            if form.waiting_bytes >= _PIECE_BYTES:
                await asyncio.to_thread(form.flush)
        parser.finalize()
        await asyncio.to_thread(form.finish)
    except FormParserError as error:
        raise BadInput("The form cannot be read.", remedy="Send it as a browser or `curl -F` does.") from error
    finally:
        await asyncio.shield(asyncio.to_thread(form.close))
    return Uploaded(source=f"{UPLOAD}{form.folder.name}/{form.name}", name=form.name, bytes=form.bytes)


def safe_name(given: str) -> str:
    """The name of an uploaded file without folders and without characters that mean something to anybody.

    Raises:
        BadInput: it is of no known kind.
    """
    name = PurePosixPath(given.replace("\\", "/")).name
    stem, ending = os.path.splitext(name)
    if ending.lower() not in FILE_KINDS:
        raise BadInput(f"{name[:80]!r} is of no known kind.", remedy=f"Known kinds are {', '.join(FILE_KINDS)}.")
    stem = re.sub(r"[^\w.-]+", "-", stem).strip(".-")
    stem = stem[:_LONGEST_STEM].encode()[:_LONGEST_STEM_BYTES].decode(errors="ignore")
    return f"{stem or 'text'}{ending.lower()}"


class _Form:
    """What the parser tells of the form's parts, and the file that one of them becomes."""

    def __init__(self, folder: Path, largest: int) -> None:
        self.folder, self._largest = folder, largest
        self._header, self._value, self._disposition = bytearray(), bytearray(), b""
        self._waiting = bytearray()
        self._takes = self._whole = False
        self._file: BinaryIO | None = None
        self.name = ""
        self.bytes = 0

    @property
    def waiting_bytes(self) -> int:
        """What came and is not on disk yet."""
        return len(self._waiting)

    def callbacks(self) -> dict[str, Any]:
        """What the parser calls."""
        return {
            "on_part_begin": self._begin_part,
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._begin_content,
            "on_part_data": self._take,
            "on_end": self._end,
        }

    def flush(self) -> None:
        """Write what waits."""
        path = partial_of(self.folder / self.name)
        with disk_full_is_said(self.folder.parent):
            if self._file is None:
                self.folder.mkdir(parents=True)
                self._file = path.open("wb")
            self._file.write(self._waiting)
        self._waiting.clear()

    def finish(self) -> None:
        """Give the file its name.

        Raises:
            BadInput: no file came, or the form broke off.
        """
        if not self._whole or not self.name:
            raise BadInput("There is no whole file in the form.", remedy=f"Send it in a part called {_PART!r}.")
        self.flush()
        assert self._file is not None
        with disk_full_is_said(self.folder.parent):
            self._file.flush()
            os.fsync(self._file.fileno())
        self._file.close()
        os.replace(partial_of(self.folder / self.name), self.folder / self.name)

    def close(self) -> None:
        """Leave nothing where the file has not got its name."""
        if self._file is not None and not self._file.closed:
            with suppress(OSError):
                self._file.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _begin_part(self) -> None:
        self._disposition = b""
        self._takes = False

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _begin_content(self) -> None:
        _, options = parse_options_header(self._disposition)
        if options.get(b"name") != _PART.encode():
            return
        if self.name:
            raise BadInput("There are several files in the form.", remedy="Upload them one by one.")
        self.name = safe_name(options.get(b"filename", b"").decode("utf-8", "replace"))
        self._takes = True

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self._takes:
            self._waiting += data[start:end]
            self.bytes += end - start
            if self.bytes > self._largest:
                raise TooLarge(f"{self.name} is larger than {self._largest:,} bytes.")

    def _end(self) -> None:
        self._whole = True


def _make_room(settings: Settings, stated_bytes: int | None) -> None:
    """Remove uploads that nobody wanted, and see whether this one has room."""
    settings.uploads_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in settings.uploads_dir.iterdir():
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > _KEPT_SECONDS:
                shutil.rmtree(folder)
    free = shutil.disk_usage(settings.uploads_dir).free
    if stated_bytes is not None and stated_bytes > free:
        raise DiskFull(f"The upload takes {stated_bytes:,} bytes, and {free:,} are free.")
