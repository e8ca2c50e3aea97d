"""Pages of a data set's documents. Importing this imports pyarrow: only asking for a page does."""

from __future__ import annotations

import threading
from pathlib import Path

from mistudio.corpora.description import DocumentSample
from mistudio.corpora.documents import Documents, Selection
from mistudio.studio.http.dependencies import Paging
from mistudio.studio.http.documents import DocumentsPage, Scan

_SEARCH_SECONDS = 1.0
_PAGE_CHARACTERS = 2_000_000
_REMEMBERED = 16
_selections: dict[tuple[str, str | None, bool | None, int], Selection] = {}
_remembering = threading.Lock()


def page_of(path: Path, paging: Paging, held_out: bool | None, characters: int) -> DocumentsPage:
    """Documents in their order; of a search those found so far, for which it gets a second.

    Args:
        held_out: which side of the split; both where None.
        characters: how much of each text, on pages of few documents.
    """
    documents = Documents(path)
    characters = min(characters, max(1, _PAGE_CHARACTERS // paging.limit))
    if not paging.search and held_out is None:
        total = len(documents)
        wanted = range(paging.offset, min(paging.offset + paging.limit, total))
        shown = documents.read(wanted, characters=characters)
        scan = Scan(documents_searched=total, documents=total, complete=True)
    else:
        selection = _selection(documents, paging.search or None, held_out, characters)
        shown = selection.page(paging.offset, paging.limit, seconds=_SEARCH_SECONDS)
        total = selection.total
        scan = Scan(documents_searched=selection.searched, documents=len(documents), complete=selection.complete)
    page = paging.of(shown, total)
    page.pagination.has_next |= not scan.complete
    return DocumentsPage(data=page.data, meta=page.meta, pagination=page.pagination, scan=scan)


def document_of(path: Path, doc: int, offset: int, characters: int) -> DocumentSample:
    """One document, from a character on."""
    return Documents(path).document(doc, characters=characters, offset=offset)


def _selection(documents: Documents, text: str | None, held_out: bool | None, characters: int) -> Selection:
    """The search as far as it has come; the newest few are remembered."""
    key = (documents.id, text, held_out, characters)
    with _remembering:
        found = _selections.pop(key, None) or Selection(documents, text=text, held_out=held_out, characters=characters)
        _selections[key] = found
        while len(_selections) > _REMEMBERED:
            del _selections[next(iter(_selections))]
        return found
