"""Run a model over text and write what it computes at some hook points to disk, while it runs.

1. Plan: which contexts, in which order (`contexts_of`); calibrate each hook point's filter, or take up the state that
   an interrupted run left.
2. Run the contexts in batches up to the last hook point, drop what the filters leave out, hand rows to the writers.
3. When files have grown large enough, finish all of them at once and write the state: a run that is killed goes on
   from there, with the same batches that an uninterrupted run would have used (in bfloat16 the company in a batch can
   change the last bits of a result).
4. Seal: filters, counts and rate stand in the manifest.

Memory is bounded by a few row groups and one batch, whatever the corpus.

C contexts, T positions, B tokens, D width of a hook point.
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64

from mistudio.activations.calibration import calibrate_points
from mistudio.activations.config import TraceConfig
from mistudio.activations.parts import PartWriter
from mistudio.activations.recording_state import RecordingState, Tally, clear, identity_of, resumed
from mistudio.activations.stream import flat_positions
from mistudio.artifacts.atomic import new_directory
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import Artifact, open_artifact, seal
from mistudio.corpora.tokens import Tokens
from mistudio.errors import BadInput, EmptyCorpus, Interrupted
from mistudio.language_models.hook_points import HookPoint
from mistudio.language_models.hooks import width_of
from mistudio.language_models.loading import LanguageModel
from mistudio.language_models.partial_forward import run_until
from mistudio.progress import Progress, Silent

_BYTES = {"float16": 2, "float32": 4}


def trace(
    lm: LanguageModel, tokens: Tokens, config: TraceConfig, out: Path | str, *, progress: Progress | None = None
) -> Artifact:
    """Record activations; continue where an interrupted call stopped.

    Args:
        lm: the model to run.
        tokens: text tokenized for that model.
        out: the recording's directory, which must not exist yet.
        progress: told the tokens run; asked before each batch whether to stop.

    Raises:
        HookMissing: the model has no such hook point.
        BadInput: the tokens do not fit the model, or the activations do not fit float16.
        EmptyCorpus: the split or the shard holds no context, or the filter leaves no token.
        ArtifactExists: `out` is there already.
        ConfigConflict: an interrupted recording is there, of another model, text or other options.
        DiskFull: no room; what was finished is kept.
        Interrupted: `progress` asked to stop; all that was recorded is kept.
    """
    points = [HookPoint.parse(hook) for hook in config.hooks]
    widths = {point: width_of(lm, point) for point in points}
    contexts = contexts_of(tokens, config)
    progress = progress or Silent()
    with new_directory(out, resumable=True) as folder:
        state = resumed(folder, lm, tokens, config) or _begin(lm, tokens, config, points, progress)
        try:
            _Recording(lm, tokens, config, widths, contexts, folder, state, progress).run()
        except BadInput:
            clear(folder)  # These options cannot work, so there is nothing to continue.
            raise
        if not any(tally.kept for tally in state.tallies.values()):
            raise EmptyCorpus(f"The filter leaves none of the {state.tokens:,} tokens.")
        seal(
            folder,
            Kind.ACTIVATIONS,
            config={**config.model_dump(mode="json"), "model": lm.identity()},
            inputs=[tokens.artifact.as_input()],
            metrics=_metrics(state, config, widths),
        )
    return open_artifact(out, Kind.ACTIVATIONS)


def contexts_of(tokens: Tokens, config: TraceConfig) -> Int64[np.ndarray, " C"]:
    """The contexts to record, in order: a random selection in random order, then this shard's part of it.

    Random order makes a row group a fair sample of the text, so that a reader who shuffles row groups mixes documents.

    Raises:
        EmptyCorpus: there are none.
    """
    order = np.random.default_rng(config.seed).permutation(np.asarray(tokens.rows(config.split), dtype=np.int64))
    if config.max_tokens is not None:
        order = order[: math.ceil(config.max_tokens / tokens.context_length)]
    index, count = config.shard
    mine: np.ndarray = order[order % count == index]
    if len(mine) == 0:
        whose = f"the split {config.split!r}" if len(order) == 0 else f"shard {index}/{count}"
        raise EmptyCorpus(
            f"There is no context in {whose}.",
            remedy="Add text, or choose another split or fewer shards.",
        )
    return mine


def _begin(
    lm: LanguageModel,
    tokens: Tokens,
    config: TraceConfig,
    points: list[HookPoint],
    progress: Progress,
) -> RecordingState:
    calibrations = calibrate_points(
        lm,
        tokens,
        points,
        split=config.split,
        exclude_special=config.exclude_special,
        multiple=config.outlier_multiple,
        progress=progress,
    )
    return RecordingState(
        identity=identity_of(lm, tokens, config),
        filters={str(point): calibrations[point].filter for point in points},
        tallies={str(point): Tally() for point in points},
    )


class _Recording:
    """The loop from contexts to files."""

    def __init__(
        self,
        lm: LanguageModel,
        tokens: Tokens,
        config: TraceConfig,
        widths: dict[HookPoint, int],
        contexts: Int64[np.ndarray, " C"],
        folder: Path,
        state: RecordingState,
        progress: Progress,
    ) -> None:
        self.lm, self.tokens, self.config, self.contexts = lm, tokens, config, contexts
        self.folder, self.state, self.progress = folder, state, progress
        facts = {"model": lm.name, "tokens": tokens.artifact.manifest.id}
        self.writers = {
            point: PartWriter(folder / str(point), width, config.dtype, config.row_group_tokens, **facts)
            for point, width in widths.items()
        }
        self.part_tokens = part_tokens(config, max(widths.values()))

    def run(self) -> None:
        """Record all contexts that are not recorded yet."""
        state, size = self.state, self.config.batch_contexts
        started = time.perf_counter() - state.seconds
        total = len(self.contexts) * self.tokens.context_length
        done = state.contexts_done
        try:
            while done < len(self.contexts):
                try:
                    self.progress.checkpoint()
                except Interrupted:
                    self._finish_parts(done, time.perf_counter() - started)
                    raise
                batch = self.contexts[done : done + size]
                self._record(batch)
                done += len(batch)
                if any(writer.rows_in_part >= self.part_tokens for writer in self.writers.values()):
                    self._finish_parts(done, time.perf_counter() - started)
                self.progress.advance("record", state.tokens, total)
            self._finish_parts(done, time.perf_counter() - started)
        finally:
            for writer in self.writers.values():
                writer.abandon()

    def _record(self, contexts_C: Int64[np.ndarray, " C"]) -> None:
        """Run one batch and hand over what the filters keep of it."""
        ids_CT = self.tokens.contexts(contexts_C)
        positions_B = flat_positions(contexts_C, self.tokens.context_length)
        ids_B, docs_B = ids_CT.reshape(-1), self.tokens.document_of(positions_B)
        ids_on_device = torch.from_numpy(ids_CT).to(self.lm.device)
        acts = run_until(self.lm, ids_on_device, list(self.writers))
        for point, writer in self.writers.items():
            acts_BD, tally = acts[point].flatten(0, 1), self.state.tallies[str(point)]
            verdict = self.state.filters[str(point)].judge(ids_on_device.flatten(), acts_BD)
            kept = verdict.keep_B.nonzero().flatten()
            rows = kept.cpu().numpy()
            writer.append(acts_BD[kept], ids_B[rows], positions_B[rows], docs_B[rows])
            tally.kept += verdict.kept
            tally.special += verdict.special
            tally.massive += verdict.massive
        self.state.tokens += len(ids_B)

    def _finish_parts(self, contexts_done: int, seconds: float) -> None:
        """Finish the open file of every hook point, and write down that it is."""
        state = self.state
        if contexts_done == state.contexts_done:
            return
        for writer in self.writers.values():
            writer.finish_part(state.parts_done)
        state.contexts_done = contexts_done
        state.parts_done += 1
        state.seconds = seconds
        state.save(self.folder)


def part_tokens(config: TraceConfig, d: int) -> int:
    """Rows of width `d` after which a file is finished."""
    return max(config.part_megabytes * 2**20 // (d * _BYTES[config.dtype]), 1)


def _metrics(state: RecordingState, config: TraceConfig, widths: dict[HookPoint, int]) -> dict[str, Any]:
    hooks = {
        str(point): {
            "d": width,
            "dtype": config.dtype,
            "tokens": state.tallies[str(point)].kept,
            "filter": state.filters[str(point)].describe(),
            "excluded_special": state.tallies[str(point)].special,
            "excluded_massive": state.tallies[str(point)].massive,
        }
        for point, width in widths.items()
    }
    return {
        "tokens_seen": state.tokens,
        "hooks": hooks,
        "seconds": round(state.seconds, 3),
        "tokens_per_second": round(state.tokens / max(state.seconds, 1e-9)),
    }
