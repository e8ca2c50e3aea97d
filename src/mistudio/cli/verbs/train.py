"""`mistudio train`: train a sparse autoencoder, or several on one pass over the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mistudio.activations.config import StreamConfig
from mistudio.artifacts.atomic import partial_of
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.store import LocalStore
from mistudio.cli import console, inputs, sweeps
from mistudio.cli.options import AsJson, Out, configured, validated
from mistudio.cli.processes import Device, LatentShards, Place, together
from mistudio.errors import BadInput, Diverged
from mistudio.language_models.config import ModelConfig
from mistudio.progress import Progress
from mistudio.training.advice import advice, hindsight
from mistudio.training.config import TrainConfig
from mistudio.training.variation import in_one_order

if TYPE_CHECKING:
    from mistudio.activations.stream import ActivationSource
    from mistudio.artifacts.manifest import Artifact
    from mistudio.evaluation.result import Evaluation


_Layers = Annotated[
    list[int] | None, typer.Option("--layer", help="With --model: the layer, from 0; repeat for several.")
]
_Hooks = Annotated[
    list[str] | None,
    typer.Option(
        "--hook",
        help="Hook point, or with its layer: resid_post.15; if not given resid_post, or with --target mlp_in. "
        "Repeat for several.",
    ),
]


@configured(TrainConfig, from_file=True, several=True, names={"architecture": ("--arch",)})
def train(
    context: typer.Context,
    activations: Annotated[
        list[str] | None, typer.Option("--activations", help="A recording made by trace; repeat for its shards.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="Instead of a recording: run this model live.")] = None,
    corpus: Annotated[str | None, typer.Option("--corpus", help="With --model: tokens, a corpus or text.")] = None,
    layer: _Layers = None,
    hook: _Hooks = None,
    evaluate: Annotated[
        bool,
        typer.Option("--evaluate", help="Then measure on held-out text, as eval does; wants --model and --corpus."),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an interrupted run, and refuse where there is none.")
    ] = False,
    device: Device = None,
    latent_shards: LatentShards = 1,
    log: Annotated[
        list[str] | None,
        typer.Option("--log", help="Also send the numbers to tensorboard, wandb or mlflow; repeat for several."),
    ] = None,
    out: Out = None,
    as_json: AsJson = False,
    *,
    configs: Sequence[TrainConfig],
) -> None:
    """Train an SAE on recorded activations, or on a model directly. Options with several values make a sweep.

    Give an option several times, such as --k 16 --k 32, and every combination of all values is trained: two values of
    k, two of lr and two layers are eight SAEs. The model runs, or the recording is read, once for all of them, and each
    SAE is what it would be alone. An option that only one architecture has multiplies that architecture only; several
    --seed share the data's order; --activations and --prefix-shares are lists and multiply nothing. A sweep writes a
    folder with the SAEs, sweep.json that compares them, and sweep.html with the plots.

    Interrupted or killed, the same command continues from the last checkpoint, bit for bit.

    Examples:

        mistudio train --activations ./acts --k 32 --expansion 8 --tokens 2000000 --out ./sae

        mistudio train --model smollm2 --corpus letters --layer 15 --tokens 10000000

        mistudio train --model smollm2 --corpus letters --layer 15 --k 16 --k 32 --arch topk --arch batchtopk --evaluate

        mistudio train --activations ./acts --config run.json --k 64

        mistudio train --model smollm2 --corpus letters --layer 15 --target mlp_out --skip

        torchrun --nproc-per-node 4 -m mistudio train --activations ./acts --out ./sae
    """
    points = sweeps.points(hook or [], layer or [], configs)
    _check_choice(activations, model, corpus, points, evaluate=evaluate)
    configs = in_one_order(configs)
    with together(device, latent_shards) as processes, console.working() as progress:
        source = _source(context.obj, activations, model, corpus, points, configs[0].order_seed, progress, processes)
        if processes.mesh.leads:
            _advise(configs, source)
        if sweeps.count(source, configs) > 1:
            processes.refuse_several()
            if log:
                raise BadInput("--log follows one SAE, and these are several.", remedy="Leave out --log.")
            _train_several(context.obj, source, configs, out, (model, corpus) if evaluate else None, progress,
                           processes.device, resume=resume, as_json=as_json)  # fmt: skip
            return
        path = _train_one(context.obj, source, configs[0], out, progress, processes, log or (), resume=resume)
        if not processes.mesh.leads:
            return
        found = (
            sweeps.evaluated(context.obj, {"eval": path.path}, str(model), str(corpus), progress) if evaluate else {}
        )
    _report(path, source, configs[0], found.get("eval"), model, corpus, as_json=as_json)


def _train_one(
    store: LocalStore,
    source: ActivationSource,
    config: TrainConfig,
    out: Path | None,
    progress: Progress,
    processes: Place,
    loggers: Sequence[str],
    *,
    resume: bool,
) -> Artifact:
    from mistudio.training.loggers.follow import logged
    from mistudio.training.train import train as run

    parts = (source.model_name, source.hook, config.sae.architecture, config.sae.label)
    path = inputs.place(store, Kind.SAE, out, *parts)
    if resume:
        _check_begun(path)
    with logged(progress, path, config, loggers if processes.mesh.leads else ()) as told:
        return run(source, config, path, progress=told, device=processes.device, mesh=processes.mesh)


def _train_several(
    store: LocalStore,
    source: ActivationSource,
    configs: Sequence[TrainConfig],
    out: Path | None,
    text: tuple[str | None, str | None] | None,
    progress: Progress,
    device: str | None,
    *,
    resume: bool,
    as_json: bool,
) -> None:
    """Train a sweep, compare its members, say so.

    Raises:
        Diverged: a member did; the others are finished and compared.
    """
    from mistudio.training.sweep import train_several as run
    from mistudio.training.sweep import with_evaluations
    from mistudio.training.sweep_result import read_sweep

    number = inputs.digest(*(config.model_dump_json() for config in configs))
    folder = inputs.place(store, Kind.SAE, out, source.model_name, source.hook, "sweep", number)
    if resume:
        _check_begun(folder)
    sweeps.say_memory(source, configs)
    members_in = folder.parent if out is None else None
    run(source, configs, folder, members_in=members_in, progress=progress, device=device)
    sweep = read_sweep(folder)
    if text is not None:
        saes = {member.name: folder / member.path for member in sweep.members if member.path is not None}
        sweep = with_evaluations(folder, sweeps.evaluated(store, saes, str(text[0]), str(text[1]), progress))
    sweeps.report(sweep, folder, as_json=as_json)
    if sweep.diverged:
        raise Diverged(
            f"{len(sweep.diverged)} of {len(sweep.members)} SAEs diverged; the others are finished.",
            remedy="Train those again with a lower --lr or more warm-up steps.",
        )


def _report(
    artifact: Artifact,
    source: ActivationSource,
    config: TrainConfig,
    found: Evaluation | None,
    model: str | None,
    corpus: str | None,
    *,
    as_json: bool,
) -> None:
    from mistudio.training.columns import read_part

    metrics = artifact.manifest.metrics
    if as_json:
        held_out = {"evaluation": found.model_dump(mode="json")} if found else {}
        console.print_json({"path": str(artifact.path), **metrics, **held_out})
        return
    width = config.sae.width(read_part(source, config).width)
    facts = {
        "hook point": source.hook,
        "latents": width,
        "active per token": metrics["l0"],
        "tokens": metrics["tokens"],
        "tokens per second": metrics["tokens_per_second"],
        "highest learning rate": metrics["learning_rate"],
        "FVU of the last batch": metrics["fvu"],
        "dead latents": f"{metrics['dead_share']:.1%}",
        "left out": metrics["token_filter"]["rule"].removeprefix("excluded: "),
    }
    facts |= _how_it_was_found(metrics)
    if found:
        facts |= {"FVU on held-out text": found.fvu, "loss recovered": found.loss_recovered_zero}
    console.print_facts(f"SAE {artifact.path}", facts)
    ended = {name: metrics[name] for name in ("step", "l0", "dead_share")}
    for each in hindsight(config, width, **ended):
        console.remark(f"Note: {each.sentence}")
    if not found:
        console.remark(f"Next: mistudio eval {artifact.path} --model {model or 'MODEL'} --corpus {corpus or 'CORPUS'}")


def _advise(configs: Sequence[TrainConfig], source: ActivationSource) -> None:
    """Say what is likely to go wrong, each sentence once."""
    from mistudio.training.columns import read_parts

    told = [
        each.sentence for config in configs for part in read_parts(source, configs)
        for each in advice(config, part.width, source.n_tokens)
    ]  # fmt: skip
    for sentence in dict.fromkeys(told):
        console.remark(f"Note: {sentence}")


def _how_it_was_found(metrics: Mapping[str, Any]) -> dict[str, object]:
    """What the search for the learning rate and the validation came to, where there were any."""
    facts: dict[str, object] = {}
    search, validation = metrics.get("learning_rate_search"), metrics.get("validation")
    if search is not None and search["searched"]:
        facts["rates tried"] = ", ".join(f"{trial['lr']:g}" for trial in search["trials"])
    if validation is not None:
        facts["lowest FVU on held-back tokens"] = validation["best_fvu"]
        facts["at step"] = validation["best_step"]
        facts["made from step"] = metrics["taken_at_step"]
        facts["ended early"] = validation["stopped_early"]
    return facts


def _check_begun(out: Path) -> None:
    from mistudio.training.layout import latest_checkpoint

    if latest_checkpoint(partial_of(out)) is None:
        raise BadInput(
            f"There is nothing to resume: no interrupted run has a checkpoint at {out}.",
            remedy="Give the --out of the interrupted run, or leave out --resume to begin.",
        )


def _check_choice(
    activations: list[str] | None, model: str | None, corpus: str | None, points: list[str], *, evaluate: bool
) -> None:
    if evaluate and (model is None or corpus is None):
        raise BadInput("--evaluate has no text to measure on.", remedy="Give --model and --corpus with it.")
    if activations and (model or corpus) and not evaluate:
        raise BadInput("Both a recording and a model are given.", remedy="Give --activations alone.")
    if not activations and (model is None or corpus is None or not points):
        raise BadInput(
            "There is nothing to train on.",
            remedy="Give --activations DIR, or --model, --corpus and --layer together.",
        )


def _source(
    store: LocalStore,
    activations: list[str] | None,
    model: str | None,
    corpus: str | None,
    points: list[str],
    seed: int,
    progress: Progress,
    processes: Place,
) -> ActivationSource:
    from mistudio.activations.stream import ModelSource, RecordedSource

    order = validated(StreamConfig, {"seed": seed})
    if activations:
        recordings = [store.find(Kind.ACTIVATIONS, each) for each in activations]
        return RecordedSource(recordings, hook=points or None, seed=order.seed)
    assert model is not None
    assert corpus is not None
    with processes.leader_first():
        tokens = inputs.tokens_for(store, corpus, model, progress)
    lm = inputs.load_model(store, ModelConfig(source=model, device=processes.device or "auto"), progress)
    return ModelSource(lm, tokens, points, order, progress=progress)
