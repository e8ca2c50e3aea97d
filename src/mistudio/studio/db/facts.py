"""What an artifact's manifest says, as the columns of its row.

What it was made of is named there by id, but for models, which are named by where they were read from: a path of that
time, perhaps relative, or of a home that has moved since. So a model is looked for by its path, then by the store's
folder and name at the end of that path, then by its source, then by its digest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import Artifact, Manifest
from mistudio.studio.db.artifacts import KINDS

ORDER = ("model", "dataset", "tokenization", "recording", "sae", "feature_set")
"""What is made of others comes after them."""


class Links:
    """What is known of artifacts that others may be made of."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Mapping[str, Any]]] = {entity: {} for entity in ORDER}

    def add(self, entity: str, values: Mapping[str, Any]) -> None:
        """Note the columns of a row."""
        self._rows[entity][values["id"]] = values

    def input(self, manifest: Manifest, entity: str) -> str | None:
        """The input of that entity, if there is it still."""
        wanted = (each.id for each in manifest.inputs if each.kind is KINDS[entity])
        return next((each for each in wanted if each in self._rows[entity]), None)

    def of(self, entity: str, row_id: str | None, column: str) -> Any:
        """A column of a row; None where there is no such row."""
        return self._rows[entity].get(row_id or "", {}).get(column)

    def model_at(self, source: str | None, digest: str | None = None) -> str | None:
        """The model that was read from a place, or has a digest."""
        given = Path(source or "").expanduser()
        stored = given.name if source and given.parts[-2:-1] == (Kind.MODEL.folder,) else None
        tests = (("path", str(given.absolute()) if source else None), ("name", stored), ("source", source))
        for column, value in (*tests, ("digest", digest)):
            for row_id, row in self._rows["model"].items() if value else ():
                if row[column] == value:
                    return row_id
        return None

    def model_called(self, label: str, likeliest: str | None) -> str | None:
        """The model that calls itself so; `likeliest` where several do, or none."""
        called = [
            row_id
            for row_id, row in self._rows["model"].items()
            if label and (row["manifest"].get("config") or {}).get("name") == label
        ]
        return likeliest if likeliest in called or len(called) != 1 else called[0]


def columns_of(entity: str, artifact: Artifact, links: Links) -> dict[str, Any]:
    """The columns of an artifact's row.

    Raises:
        KeyError, TypeError, ValueError, OSError: its manifest, or a file of it, does not say what it must.
    """
    manifest = artifact.manifest
    return {
        "id": manifest.id,
        "name": artifact.path.name,
        "path": str(artifact.path.absolute()),
        "bytes": sum(file.bytes for file in manifest.files.values()),
        "manifest": manifest.model_dump(mode="json", exclude={"files"}),
        "created_at": datetime.fromisoformat(manifest.created_at),
        **_FACTS[entity](artifact, links),
    }


def sae_settings(path: Path) -> dict[str, Any]:
    """What the SAE's own file says, with our names for what stands in its metadata."""
    content: dict[str, Any] = json.loads((path / "cfg.json").read_text(encoding="utf-8"))
    metadata = content.get("metadata") or {}
    return content | {"hook": metadata.get("mistudio_hook", ""), "model_name": metadata.get("model_name", "")}


def _model(artifact: Artifact, _: Links) -> dict[str, Any]:
    config = artifact.manifest.config
    return {name: config[name] for name in ("source", "digest", "d_model", "n_layers", "vocab_size")}


def _dataset(artifact: Artifact, _: Links) -> dict[str, Any]:
    metrics = artifact.manifest.metrics
    return {name: metrics.get(name, 0) for name in ("documents", "held_out_documents", "characters")}


def _tokenization(artifact: Artifact, links: Links) -> dict[str, Any]:
    manifest = artifact.manifest
    return {
        "dataset_id": links.input(manifest, "dataset"),
        "model_id": links.model_at(manifest.config.get("model")),
        "contexts": manifest.metrics["contexts"],
        "context_length": manifest.config["context_length"],
        "tokens": manifest.metrics["tokens"],
    }


def _recording(artifact: Artifact, links: Links) -> dict[str, Any]:
    manifest = artifact.manifest
    model, hooks = manifest.config.get("model") or {}, manifest.metrics.get("hooks") or {}
    return {
        "tokenization_id": links.input(manifest, "tokenization"),
        "model_id": links.model_at(model.get("source"), model.get("digest")),
        "hooks": list(manifest.config["hooks"]),
        "tokens": max((each["tokens"] for each in hooks.values()), default=0),
    }


def _sae(artifact: Artifact, links: Links) -> dict[str, Any]:
    cfg, metrics, manifest = sae_settings(artifact.path), artifact.manifest.metrics, artifact.manifest
    recording_id = links.input(manifest, "recording")
    tokenization_id = links.input(manifest, "tokenization") or links.of("recording", recording_id, "tokenization_id")
    recorded = links.of("recording", recording_id, "model_id")
    tokenized = links.of("tokenization", tokenization_id, "model_id")
    return {
        "model_id": recorded or links.model_called(cfg["model_name"], tokenized),
        "recording_id": recording_id,
        "tokenization_id": tokenization_id,
        "model_name": cfg["model_name"],
        "hook": cfg["hook"],
        "architecture": cfg["architecture"],
        "d_in": cfg["d_in"],
        "d_sae": cfg["d_sae"],
        "k": cfg.get("k"),
        "l0": metrics.get("l0"),
        "fvu": metrics.get("fvu"),
        "dead_share": metrics.get("dead_share"),
    }


def _feature_set(artifact: Artifact, links: Links) -> dict[str, Any]:
    manifest = artifact.manifest
    metrics, sae_id = manifest.metrics, links.input(manifest, "sae")
    of_sae = links.of("sae", sae_id, "model_id")
    return {
        "sae_id": sae_id,
        "model_id": of_sae or links.model_at(manifest.config.get("tokenizer_source")),
        "tokenization_id": links.input(manifest, "tokenization"),
        "hook": manifest.config["hook"],
        "tokens": metrics["tokens"],
        "latents": metrics["latents_alive"] + metrics["latents_dead"],
        "alive": metrics["latents_alive"],
    }


_FACTS = {
    "model": _model,
    "dataset": _dataset,
    "tokenization": _tokenization,
    "recording": _recording,
    "sae": _sae,
    "feature_set": _feature_set,
}
