"""Read a features artifact: a table of all latents, and a page of any one.

Opening maps files; a page reads slices of them. Neither torch nor transformers is loaded, unless the artifact does not
hold the text of its tokens and their model has no `tokenizer.json`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import Artifact, open_artifact
from mistudio.errors import NotFound
from mistudio.features.config import ContextConfig
from mistudio.features.contexts import ContextGroup, ContextReader, Documents
from mistudio.features.index import Histogram, LatentIndex
from mistudio.features.statistics import LatentStatistics, Statistics, StatisticsFile
from mistudio.features.token_index import TokenIndex
from mistudio.features.token_logits import TokenLogit, TokenLogits
from mistudio.language_models.tokenizer_files import TokenTable, token_table

Column = Literal["latent", "count", "density", "max", "mean", "documents"]
Decode = Callable[[Sequence[int]], list[str]]
"""Token ids to one piece of text each; the pieces joined are the text."""


@dataclass(frozen=True)
class LatentPage:
    """Everything that is shown of one latent. A dead latent has no groups and an empty histogram."""

    statistics: LatentStatistics
    histogram: Histogram
    groups: tuple[ContextGroup, ...]
    promoted: tuple[TokenLogit, ...]
    """Empty where no logit lens was made."""
    suppressed: tuple[TokenLogit, ...]

    @property
    def is_dead(self) -> bool:
        """Whether the latent was never active."""
        return self.statistics.is_dead


class Features:
    """A features artifact. See `open`."""

    def __init__(self, artifact: Artifact, decode: Decode | None = None) -> None:
        facts, path = artifact.manifest.config, artifact.path
        self.artifact = artifact
        self.hook = str(facts["hook"])
        self.tokenizer_source = str(facts["tokenizer_source"])
        self.rows = StatisticsFile(path / "statistics.parquet")
        self.latents = LatentIndex.open(path / "index")
        self.tokens = TokenIndex.open(path / "tokens", int(facts["context_length"]))
        self.lens = TokenLogits.open(path / "logits") if (path / "logits").is_dir() else None
        self._given_decode = decode

    @classmethod
    def open(cls, path: Path | str, *, decode: Decode | None = None, deep: bool = False) -> Features:
        """Open and check a features artifact.

        Args:
            decode: token ids to pieces of text; the artifact's own where None.
            deep: compare the files' sha256 too, which reads them whole.

        Raises:
            NotFound, FormatUnsupported: `path` is no features artifact.
            ArtifactBroken: a file is missing, truncated or changed.
        """
        return cls(open_artifact(path, Kind.FEATURES, deep=deep), decode)

    def __len__(self) -> int:
        return len(self.rows)

    def latent(self, latent: int, contexts: ContextConfig | None = None) -> LatentPage:
        """The page of one latent.

        Raises:
            NotFound: there is no such latent.
        """
        self._check(latent)
        statistics = self.rows.row(latent)
        return LatentPage(
            statistics=statistics,
            histogram=self.latents.histogram(latent, statistics.max),
            groups=self.contexts(latent, contexts),
            promoted=self.lens.promoted_by(latent) if self.lens else (),
            suppressed=self.lens.suppressed_by(latent) if self.lens else (),
        )

    def contexts(self, latent: int, config: ContextConfig | None = None) -> tuple[ContextGroup, ...]:
        """Passages in which the latent is active: the strongest, and some of each strength; none if it is dead.

        Raises:
            NotFound: there is no such latent.
        """
        self._check(latent)
        return self._reader.groups(latent, config or ContextConfig())

    def table(self, sort: Column = "max", *, ascending: bool = False, limit: int | None = None) -> pa.Table:
        """The numbers of all latents, a row each; ties in the order of latents."""
        keys = [(sort, "ascending" if ascending else "descending")]
        if sort != "latent":
            keys.append(("latent", "ascending"))
        return self.rows.table().sort_by(keys).slice(0, limit)

    def interesting(self, n: int = 12, seed: int = 0) -> list[int]:
        """Latents for a first look: rather specific, found in many documents, about more than one token.

        Of the 4 n latents of the largest `Statistics.interest`, without those that have fewer whole points of it than
        the `n`th, `n` drawn by `seed`, in its order; fewer where fewer are alive.
        """
        order = np.argsort(-self.interest, kind="stable")
        order = order[self.statistics.alive[order]]
        enough = np.floor(self.interest[order[:n]]).min(initial=np.inf)
        best = order[: 4 * n][self.interest[order[: 4 * n]] >= enough]
        drawn = np.random.default_rng(seed).permutation(len(best))[:n]
        return [int(latent) for latent in best[np.sort(drawn)]]

    def pieces(self, token_ids: Sequence[int]) -> list[str]:
        """One piece of text for each token; joined they are the text."""
        return self._decode(token_ids)

    @cached_property
    def interest(self) -> NDArray[np.float64]:
        """How well each latent suits a first look; see `Statistics.interest`."""
        return self.statistics.interest(self.documents.number, self.tokens.counts())

    @cached_property
    def statistics(self) -> Statistics:
        """All latents' numbers, read whole when first asked for."""
        return self.rows.read()

    @cached_property
    def documents(self) -> Documents:
        """Which document lies where."""
        return Documents(pq.read_table(self.artifact.path / "tokens" / "documents.parquet"))

    @cached_property
    def _reader(self) -> ContextReader:
        manifest = self.artifact.manifest
        identity = int(str(manifest.metrics["sae_sha256"])[:15], 16)
        return ContextReader(self.latents, self.tokens, self.documents, manifest.config["special_ids"], identity)

    @cached_property
    def _decode(self) -> Decode:
        if self._given_decode is not None:
            return self._given_decode
        path = self.artifact.path / "vocabulary"
        table = TokenTable.open(path) if path.is_dir() else token_table(self._find_tokenizer())
        return table.pieces

    def _find_tokenizer(self) -> str:
        """Where the tokenizer's model is: at its place, or at the same place beside a home that was moved."""
        source = Path(self.tokenizer_source).expanduser()
        tail = Path(*source.parts[-2:]) if source.is_absolute() else source
        for place in (source, *(folder / tail for folder in self.artifact.path.absolute().parents)):
            if place.is_file() or (place / "config.json").is_file():
                return str(place)
        if source.is_absolute() or len(source.parts) > 2:  # a path, and no Hub id
            raise NotFound(
                f"The text of these features cannot be shown: their tokenizer, {source}, is gone.",
                remedy="Put the model back at that place, or find the features again.",
            )
        return self.tokenizer_source

    def _check(self, latent: int) -> None:
        if not 0 <= latent < len(self):
            raise NotFound(f"There is no latent {latent}.", remedy=f"Latents are numbered 0 to {len(self) - 1}.")
