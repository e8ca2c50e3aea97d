"""`mistudio doctor`: say what this machine can do and whether the store is sound."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import MANIFEST, open_artifact
from mistudio.artifacts.store import LocalStore
from mistudio.cli import console
from mistudio.cli.options import AsJson
from mistudio.errors import MistudioError


def doctor(
    context: typer.Context,
    deep: Annotated[bool, typer.Option("--deep", help="Also compare the sha256 of every file in the store.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check the machine, what the studio needs and every artifact in the store. Exit code 1 if an artifact is broken.

    Examples:

        mistudio doctor --deep
    """
    machine = _machine(context.obj.home)
    broken = _broken(context.obj, deep)
    studio = _studio(context.obj.home)
    unfinished = [str(path) for path in context.obj.home.glob("*/.*.partial")]
    if as_json:
        console.print_json({"machine": machine, "studio": studio, "broken": broken, "unfinished": unfinished})
    else:
        console.print_facts("This machine", machine)
        counts = {kind.folder: len(context.obj.list(kind)) for kind in Kind}
        console.print_facts(f"\nThe store {context.obj.home}", {name: count for name, count in counts.items() if count})
        console.print_facts("\nThe studio", {name: each["found"] for name, each in studio.items()})
        for name, each in studio.items():
            if each["problem"]:
                console.say(f"Studio, {name}: {each['problem']}", "yellow")
        for path in unfinished:
            console.say(f"Unfinished: {path} (the command that made it continues it)", "yellow")
        for path, why in broken.items():
            console.say(f"Broken: {path}: {why}", "red")
        if not broken:
            console.say("Everything in the store is sound.", "green")
    if broken:
        raise typer.Exit(1)


def _machine(home: Path) -> dict[str, object]:
    import torch

    from mistudio.hardware import best_device, cores, cpu_multiplies_bfloat16, memory_bytes

    existing = next(path for path in (home, *home.parents) if path.exists())
    device = best_device()
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else str(device),
        "cores": cores(),
        "memory (GiB)": round(memory_bytes() / 2**30, 1),
        "free disk (GiB)": round(shutil.disk_usage(existing).free / 2**30, 1),
        "bfloat16 in hardware": cpu_multiplies_bfloat16(),
        "compiled kernels (numba)": find_spec("numba") is not None,
        "GGUF files (gguf)": find_spec("gguf") is not None,
        "quantised loading (bitsandbytes)": find_spec("bitsandbytes") is not None,
        "store writable": os.access(existing, os.W_OK),
        "program": sys.argv[0],
    }


def _studio(home: Path) -> dict[str, dict[str, str | None]]:
    """What the studio needs, each with what was found and what to do about it."""
    from mistudio.studio.launch.prerequisites import prerequisites
    from mistudio.studio.launch.up import settings_for

    found = prerequisites(settings_for(home))
    return {each.name: {"found": each.found, "problem": each.problem} for each in found}


def _broken(store: LocalStore, deep: bool) -> dict[str, str]:
    found = {}
    for kind in Kind:
        for manifest in sorted((store.home / kind.folder).glob(f"*/{MANIFEST}")):
            try:
                open_artifact(manifest.parent, kind, deep=deep)
            except MistudioError as error:
                found[str(manifest.parent)] = error.message
    return found
