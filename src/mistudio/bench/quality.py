"""Train SAEs with every library on the same data, and measure all of them with one implementation.

1. Write the training activations where every library reads them.
2. At the middle k, on seed 0, train with every learning rate of the grid; each library keeps its best one.
3. With that, train every k and seed. Each SAE is trained in a process of its own, one after the other.
4. Read what the library wrote, and measure it on held-out tokens.

Each trained SAE is a file as soon as it is measured: an interrupted benchmark goes on where it stopped. The folder's
name holds all that decides the numbers, so that other options never meet old files.
"""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from mistudio.artifacts.atomic import write_json
from mistudio.bench.config import ComparedArchitecture, LibraryName, QualityBenchConfig
from mistudio.bench.exports import read_export
from mistudio.bench.machine import load_average, this_machine
from mistudio.bench.quality_data import QualityData, Written, write_activations
from mistudio.bench.quality_result import (
    Cell,
    Quality,
    QualityBenchResult,
    best_rate,
    compare,
    summarise,
)
from mistudio.bench.turns import STEPS, Contender
from mistudio.errors import BadInput, MistudioError, PeerFailed
from mistudio.hardware import cores
from mistudio.progress import Progress, Silent

_FIT = STEPS / "fit.py"
_ASK_EVERY = 0.5
"""Seconds between two questions whether to stop, while a library trains."""


class Key(NamedTuple):
    """Which SAE."""

    library: LibraryName
    arch: ComparedArchitecture
    k: int
    lr: float
    seed: int

    def __str__(self) -> str:
        return f"{self.library}-{self.arch}-k{self.k}-lr{self.lr:g}-seed{self.seed}"


def bench_quality(
    config: QualityBenchConfig,
    data: QualityData,
    contenders: dict[LibraryName, Contender],
    folder: Path,
    progress: Progress | None = None,
) -> QualityBenchResult:
    """Compare the libraries.

    Args:
        config: what to train.
        data: what on, and how to measure.
        contenders: who trains for each library of `config.libraries`.
        folder: where finished SAEs' numbers are kept; the activations lie there too until the end.
        progress: told how many SAEs are done; asked while one is trained whether to stop.

    Raises:
        BadInput: a library takes part and nobody trains for it, or there are no SAEs to train.
        PeerFailed: a library's training ended before its time.
        Interrupted: `progress` asked to stop; the next call goes on.
    """
    progress = progress or Silent()
    missing = [library for library in config.libraries if library not in contenders]
    if missing:
        raise BadInput(f"Nobody trains for {', '.join(missing)}.", remedy="Leave them out of --libraries.")
    pairs = [(library, arch) for arch in config.archs for library in config.libraries if contenders[library].has(arch)]
    if not pairs:
        raise BadInput("None of these libraries has one of these architectures.", remedy="Add --libraries mistudio.")
    work = _Work.open(config, data, contenders, folder, progress)
    load, total = load_average(), len(pairs) * (_tries(config) + len(config.k) * config.seeds - (_tries(config) > 0))
    tried: list[Cell] = []
    cells: list[Cell] = []
    done = 0
    for library, arch in pairs:
        own: list[Cell] = []
        rates = config.grid if _tries(config) else ()
        for key in (Key(library, arch, config.middle_k, lr, 0) for lr in rates):
            own.append(work.cell(key))
            done += 1
            progress.advance("SAEs", done, total)
        rate = best_rate(own, config.middle_k, by_mcc=data.by_mcc) if own else config.grid[0]
        tried += own
        for key in _keys(config, library, arch, rate):
            had = any((cell.k, cell.lr, cell.seed) == key[2:] for cell in own)
            cells.append(work.cell(key))
            done += not had
            progress.advance("SAEs", done, total)
    work.close()
    return QualityBenchResult(
        mistudio_version=version("mistudio"),
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=this_machine(),
        threads=config.threads or cores(),
        load_before=load,
        config=config,
        data=data.name,
        data_identity=data.identity,
        by_mcc=data.by_mcc,
        scale=work.written.scale,
        tried=tuple(tried),
        cells=tuple(cells),
        summaries=summarise(config, cells),
        differences=compare(config, cells),
    )


def _tries(config: QualityBenchConfig) -> int:
    """Learning rates that are tried; none where there is no choice."""
    return len(config.grid) if len(config.grid) > 1 else 0


def _keys(config: QualityBenchConfig, library: LibraryName, arch: ComparedArchitecture, lr: float) -> Iterator[Key]:
    for seed in range(config.seeds):
        for k in config.k:
            yield Key(library, arch, k, lr, seed)


@dataclass(frozen=True)
class _Work:
    """The folder of a benchmark, and what trains in it."""

    config: QualityBenchConfig
    data: QualityData
    contenders: dict[LibraryName, Contender]
    folder: Path
    written: Written
    progress: Progress

    @classmethod
    def open(
        cls,
        config: QualityBenchConfig,
        data: QualityData,
        contenders: dict[LibraryName, Contender],
        folder: Path,
        progress: Progress,
    ) -> _Work:
        """The folder of this setting, begun or gone on with."""
        setting = {
            "data": data.identity,
            **config.model_dump(mode="json", include={"d_sae", "tokens", "batch_size", "held_out_tokens"}),
            "threads": config.threads or cores(),
        }
        name = hashlib.sha256(json.dumps(setting, sort_keys=True).encode()).hexdigest()[:12]
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        facts = place / "activations.json"
        if facts.is_file() and (place / "activations").is_file():
            written = Written(**json.loads(facts.read_text(encoding="utf-8")))
        else:
            written = write_activations(data, place / "activations", config.steps * config.batch_size, progress)
            write_json(facts, written._asdict())
            write_json(place / "setting.json", setting)
        if written.rows < config.batch_size:
            raise BadInput(
                f"{data.name} has {written.rows:,} training tokens, fewer than a batch.",
                remedy="Record more text, or choose a smaller --batch-size.",
            )
        return cls(config, data, contenders, place, written, progress)

    def close(self) -> None:
        """Remove what another run can write again."""
        (self.folder / "activations").unlink(missing_ok=True)

    def cell(self, key: Key) -> Cell:
        """The SAE's numbers: found, or trained and measured now."""
        file = self.folder / f"{key}.json"
        if file.is_file():
            return Cell.model_validate_json(file.read_bytes())
        load = load_average()
        with tempfile.TemporaryDirectory(prefix=f"{key}-", dir=self.folder) as place:
            out = Path(place)
            facts = self._fit(key, out)
            quality = _broken_down() if facts["broke_down"] else self._measure(key, out)
        cell = Cell(
            **key._asdict(),
            version=facts["library"],
            torch=facts["torch"],
            settings=facts["settings"],
            seconds=facts["seconds"],
            cpu_seconds=facts["cpu_seconds"],
            load_before=load,
            quality=quality,
        )
        write_json(file, cell.model_dump(mode="json"))
        return cell

    def _fit(self, key: Key, out: Path) -> dict[str, Any]:
        """Let the library train into `out`; returns what it says about that."""
        contender = self.contenders[key.library]
        options = {
            **key._asdict(),
            "variant": contender.variant,
            "d_sae": self.config.d_sae,
            "d_in": self.written.d_in,
            "batch_size": self.config.batch_size,
            "steps": self.config.steps,
            "threads": self.config.threads or cores(),
            "activations": str(self.folder / "activations"),
            "out": str(out),
        }
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
            process = subprocess.Popen(
                [contender.python, _FIT, contender.step_file, json.dumps(options)],
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches this process, which ends the training in good order.
            )
            try:
                while True:
                    self.progress.checkpoint()
                    try:
                        code = process.wait(_ASK_EVERY)
                        break
                    except subprocess.TimeoutExpired:
                        continue
            finally:
                process.kill()
                process.wait()
            if code or not (out / "fit.json").is_file():
                log.seek(0)
                written = [line.strip() for line in log.read().splitlines() if line.strip()]
                why = written[-1][:300].rstrip(".") if written else f"exit code {code}"
                raise PeerFailed(f"{contender.name} could not train {key}: {why}.")
        facts: dict[str, Any] = json.loads((out / "fit.json").read_text(encoding="utf-8"))
        return facts

    def _measure(self, key: Key, out: Path) -> Quality:
        try:
            sae = read_export(key.library, out, key.arch, scale=self.written.scale)
        except MistudioError as error:
            if "NaN" not in error.message:
                raise
            return _broken_down()
        if not all(bool(tensor.isfinite().all()) for tensor in sae.weights.tensors().values()):
            return _broken_down()
        found = self.data.measure(sae, self.progress)
        return found if found.fvu is not None and math.isfinite(found.fvu) else _broken_down()


def _broken_down() -> Quality:
    return Quality(tokens=0, fvu=None, l0=0.0, dead_share=1.0)
