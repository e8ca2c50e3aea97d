"""Read a features artifact: a table of all latents, and a page of any one.

Opening maps files and reads the statistics; a page reads slices. The tokenizer is loaded when text is first asked for.
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

from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import Artifact, open_artifact
from mistudio.errors import NotFound
from mistudio.features.config import ContextConfig
from mistudio.features.contexts import ContextGroup, ContextReader, Documents
from mistudio.features.index import Histogram, LatentIndex
from mistudio.features.logit_lens import LogitLens, TokenLogit
from mistudio.features.statistics import LatentStatistics, Statistics
from mistudio.features.token_index import TokenIndex
from mistudio.language_models.loading import load_tokenizer
from mistudio.language_models.token_text import decode_pieces

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
        self.statistics = Statistics.of_table(pq.read_table(path / "statistics.parquet"))
        self.latents = LatentIndex.open(path / "index")
        self.tokens = TokenIndex.open(path / "tokens", int(facts["context_length"]))
        self.documents = Documents(pq.read_table(path / "tokens" / "documents.parquet"))
        self.lens = LogitLens.open(path / "logits") if (path / "logits").is_dir() else None
        identity = int(str(artifact.manifest.metrics["sae_sha256"])[:15], 16)
        self._reader = ContextReader(self.latents, self.tokens, self.documents, facts["special_ids"], identity)
        self._given_decode = decode

    @classmethod
    def open(cls, path: Path | str, *, decode: Decode | None = None, deep: bool = False) -> Features:
        """Open and check a features artifact.

        Args:
            decode: token ids to pieces of text; the tokenizer of the artifact's model where None.
            deep: compare the files' sha256 too, which reads them whole.

        Raises:
            NotFound, FormatUnsupported: `path` is no features artifact.
            ArtifactBroken: a file is missing, truncated or changed.
        """
        return cls(open_artifact(path, Kind.FEATURES, deep=deep), decode)

    def __len__(self) -> int:
        return len(self.statistics)

    def latent(self, latent: int, contexts: ContextConfig | None = None) -> LatentPage:
        """The page of one latent.

        Raises:
            NotFound: there is no such latent.
        """
        self._check(latent)
        statistics = self.statistics.of(latent)
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
        table = pq.read_table(self.artifact.path / "statistics.parquet")
        keys = [(sort, "ascending" if ascending else "descending")]
        if sort != "latent":
            keys.append(("latent", "ascending"))
        return table.sort_by(keys).slice(0, limit)

    def interesting(self, n: int = 12, seed: int = 0) -> list[int]:
        """Latents for a first look: rather specific, found in many documents, about more than one token.

        1. Alive with a density of 1e-5 to 1e-2 and at least 16 activations.
        2. Its strongest 32 activations come from at least 8 documents, or from half of those there are.
        3. The token with the largest share of its activation has at most 60 % of it.
        4. Of these, the 4 n with the largest share in their top tokens together; `n` of them drawn by `seed`.

        Conditions 3, 2 and 1 are dropped in this order while fewer than `n` latents fulfil them. Returned in the order
        of that share; fewer than `n` where fewer are alive.
        """
        numbers = self.statistics
        shares = numbers.top_token_shares_FN
        conditions = [
            numbers.alive,
            (numbers.density >= 1e-5) & (numbers.density <= 1e-2) & (numbers.count >= 16),
            numbers.documents >= min(8, max(1, self.documents.number // 2)),
            shares[:, 0] <= 0.6,
        ]
        while len(conditions) > 1 and np.logical_and.reduce(conditions).sum() < n:
            conditions.pop()
        fit = np.flatnonzero(np.logical_and.reduce(conditions))
        best = fit[np.argsort(-shares[fit].sum(axis=1), kind="stable")][: 4 * n]
        drawn = np.random.default_rng(seed).permutation(len(best))[:n]
        return [int(latent) for latent in best[np.sort(drawn)]]

    def pieces(self, token_ids: Sequence[int]) -> list[str]:
        """One piece of text for each token; joined they are the text."""
        return self._decode(token_ids)

    @cached_property
    def _decode(self) -> Decode:
        if self._given_decode is not None:
            return self._given_decode
        tokenizer = load_tokenizer(self.tokenizer_source)
        return lambda token_ids: decode_pieces(tokenizer, token_ids)

    def _check(self, latent: int) -> None:
        if not 0 <= latent < len(self):
            raise NotFound(f"There is no latent {latent}.", remedy=f"Latents are numbered 0 to {len(self) - 1}.")
