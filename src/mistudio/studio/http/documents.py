"""Documents as the API shows them."""

from __future__ import annotations

from mistudio.corpora.description import DocumentSample
from mistudio.studio.http.schemas import ApiModel, Page


class Scan(ApiModel):
    """How far a search has come: it goes on where it stopped when the page is asked for again."""

    documents_searched: int
    documents: int
    complete: bool


class DocumentsPage(Page[DocumentSample]):
    """Documents of a data set; while `scan.complete` is false, the total is what was found so far."""

    scan: Scan
