"""Documents with labels: read from a corpus, sorted into classes, and halved without anything on both sides.

1. Each document's label is a value of its metadata; numbers may be cut into classes of equal size.
2. A text that occurs again is left out.
3. Classes with too few documents are left out; those that were asked for by name are refused instead.
4. Documents are dealt to the two sides group by group, the largest group first, to the side that still lacks more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from mistudio.corpora.corpus import Document, read_documents
from mistudio.corpora.description import Scalar
from mistudio.corpora.held_out import fingerprint
from mistudio.errors import BadInput
from mistudio.evaluation.probing.config import LabelsConfig


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A document and what it is."""

    text: str
    label: str
    group: str
    """Documents of one group stay on one side of the split."""


class Labelled(NamedTuple):
    """The documents to probe, and those that were left out."""

    texts: list[LabelledText]
    classes: list[str]
    left_out: dict[str, int]
    """Classes with too few documents."""
    repeated: int
    """Documents whose text occurred before."""


def labelled_documents(corpus: Path | str, config: LabelsConfig, *, seed: int = 0) -> Labelled:
    """The documents of a corpus that carry the label.

    Raises:
        NotFound, FormatUnsupported, ArtifactBroken: `corpus` is no sound corpus.
        BadInput: no document has the label or the group, a class has too few documents, or there is only one class.
    """
    return label_documents(read_documents(Path(corpus)), config, seed=seed)


def label_documents(documents: Iterable[Document], config: LabelsConfig, *, seed: int = 0) -> Labelled:
    """Sort documents into classes by their metadata.

    Raises:
        BadInput: no document has the label or the group, a class has too few documents, or there is only one class.
    """
    if config.label is None:
        raise BadInput("No label is named.", remedy="Name a key of the documents' metadata with --label.")
    known: Counter[str] = Counter()
    seen: set[int] = set()
    found: list[tuple[str, Scalar, str]] = []
    repeated = 0
    for document in documents:
        known.update(document.metadata.keys())
        value = document.metadata.get(config.label)
        if value is None:
            continue
        text_id = fingerprint(document.text)
        repeated += text_id in seen
        if text_id not in seen:
            seen.add(text_id)
            found.append((document.text, value, _group_of(document, config.group)))
    if not found:
        names = ", ".join(sorted(known)) or "none"
        raise BadInput(
            f"No document has metadata called {config.label!r}.",
            remedy=f"Metadata of these documents: {names}. Name one with --label.",
        )
    labels = _labels([value for _, value, _ in found], config)
    texts = [LabelledText(text, label, group) for (text, _, group), label in zip(found, labels, strict=True)]
    kept, left_out = choose_classes(texts, config)
    drawn = [each for each in texts if each.label in kept]
    if len(drawn) > config.max_documents:
        order = np.random.default_rng(seed).permutation(len(drawn))[: config.max_documents]
        drawn = [drawn[index] for index in np.sort(order)]
        check_counts(drawn, kept, config)
    return Labelled(drawn, kept, left_out, repeated)


def choose_classes(texts: Sequence[LabelledText], config: LabelsConfig) -> tuple[list[str], dict[str, int]]:
    """The classes to tell apart, in the order of their names, and those with too few documents, with their sizes.

    Raises:
        BadInput: a class that is asked for has too few documents, or fewer than two classes have enough.
    """
    sizes = Counter(each.label for each in texts)
    if config.classes:
        check_counts(texts, config.classes, config)
        kept = sorted(set(config.classes))
    else:
        kept = sorted(label for label, size in sizes.items() if size >= config.min_documents)
    if len(kept) < 2:
        most = ", ".join(f"{label} ({size})" for label, size in sizes.most_common(5))
        raise BadInput(
            f"{len(kept) or 'No'} class of {config.label} has the {config.min_documents} documents that a probe needs, "
            f"and two such classes are wanted; the largest are {most}.",
            remedy="Lower --min-documents, name another --label, or cut a label that is a number with --bins.",
        )
    left_out = {} if config.classes else {label: size for label, size in sizes.items() if label not in kept}
    return kept, dict(sorted(left_out.items()))


def check_counts(texts: Sequence[LabelledText], classes: Iterable[str], config: LabelsConfig) -> None:
    """Refuse a class with too few documents.

    Raises:
        BadInput: it names the class and how many it has.
    """
    sizes = Counter(each.label for each in texts)
    for label in classes:
        if sizes[label] < config.min_documents:
            raise BadInput(
                f"The class {label!r} has {sizes[label]} documents, and a probe needs {config.min_documents}.",
                remedy="Leave the class out, bring in more documents, or lower --min-documents.",
            )


def halve(texts: Sequence[LabelledText], *, train_share: float, seed: int) -> Bool[np.ndarray, " documents"]:
    """Mark the documents that probes are fitted on.

    Every class lands on both sides in the shares asked for, as nearly as its groups allow.

    Raises:
        BadInput: a class lands on one side only, because its documents are of too few groups or too few.
    """
    groups: dict[str, list[int]] = {}
    for index, each in enumerate(texts):
        groups.setdefault(each.group, []).append(index)
    names = sorted(groups)
    np.random.default_rng(seed).shuffle(names)
    names.sort(key=lambda name: -len(groups[name]))
    sizes = Counter(each.label for each in texts)
    shares = {True: train_share, False: 1 - train_share}
    lacking = {(label, side): share * size for label, size in sizes.items() for side, share in shares.items()}
    train = np.zeros(len(texts), dtype=bool)
    for name in names:
        need = {side: sum(lacking[texts[index].label, side] for index in groups[name]) for side in (True, False)}
        side = need[True] >= need[False]
        train[groups[name]] = side
        for index in groups[name]:
            lacking[texts[index].label, side] -= 1
    for label in sorted(sizes):
        sides = {bool(train[index]) for index, each in enumerate(texts) if each.label == label}
        if len(sides) < 2:
            raise BadInput(
                f"All documents of the class {label!r} land on one side of the split.",
                remedy="Choose another --group, or leave it out, or give a --train-share nearer to 0.5.",
            )
    return train


def _group_of(document: Document, key: str | None) -> str:
    if key is None:
        return str(document.doc)
    if document.metadata.get(key) is None:
        raise BadInput(
            f"The document {document.name} has no metadata called {key!r}.",
            remedy=f"It has {', '.join(document.metadata) or 'none'}. Name one with --group.",
        )
    return str(document.metadata[key])


def _labels(values: Sequence[Scalar], config: LabelsConfig) -> list[str]:
    """Each value as a class: by itself, or as the range of numbers that it lies in."""
    if config.bins is None:
        return [str(value) for value in values]
    if any(isinstance(value, str | bool) for value in values):
        raise BadInput(f"The label {config.label!r} is not a number, so it cannot be cut.", remedy="Leave --bins out.")
    numbers = np.array(values, dtype=np.float64)
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, config.bins + 1)[1:-1], method="lower"))
    places = np.searchsorted(edges, numbers, side="left")
    names = {
        place: f"{numbers[places == place].min():g} to {numbers[places == place].max():g}"
        for place in np.unique(places)
    }
    return [names[place] for place in places]
