"""What an argument means: a name in the store, a path, or a Hub id; and what is made on the way where it is missing.

Text that was never tokenized for this model is added and tokenized first, once; its place in the store is derived from
what it was made of, so that the next command finds it. Tokens that the user made of a corpus come before those.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import MANIFEST, open_artifact
from mistudio.artifacts.store import LocalStore
from mistudio.cli import console
from mistudio.errors import BadInput, FormatUnsupported, NotFound
from mistudio.language_models.config import ModelConfig
from mistudio.progress import Progress

if TYPE_CHECKING:
    from mistudio.activations.outliers import TokenFilter
    from mistudio.corpora.tokens import Tokens
    from mistudio.evaluation.probing.result import LabelProbing, SpellingProbing
    from mistudio.evaluation.result import Evaluation
    from mistudio.language_models.loading import LanguageModel
    from mistudio.sae.sparse_autoencoder import SparseAutoencoder


def model_source(store: LocalStore, reference: str) -> str:
    """The directory of a stored model of that name, or the reference itself."""
    try:
        return str(store.find(Kind.MODEL, reference))
    except NotFound:
        return reference


def load_model(store: LocalStore, config: ModelConfig, progress: Progress) -> LanguageModel:
    """Load a model named in the store, or by path or Hub id."""
    from mistudio.language_models.loading import load_model as load

    return load(config.model_copy(update={"source": model_source(store, config.source)}), progress=progress)


def tokens_for(
    store: LocalStore, reference: str, model: str, progress: Progress, *, context_length: int = 256
) -> Tokens:
    """The tokens that `reference` means for a model: tokens, a corpus, text files, or a data set of the Hub.

    Args:
        reference: name or path of tokens or of a corpus, a file or folder of text, or a data set's id.
        model: what the tokenizer comes from where tokens must be made.
        context_length: tokens in a context, where tokens must be made.

    Raises:
        BadInput: the corpus was tokenized for the model several times, and the reference does not say which is meant.
    """
    from mistudio.corpora.config import TokenizeConfig
    from mistudio.corpora.tokenize import tokenize
    from mistudio.corpora.tokens import Tokens

    kind = _kind_of(reference)
    try:
        if kind is not Kind.CORPUS:
            return Tokens.open(store.find(Kind.TOKENS, reference))
    except NotFound:
        pass
    corpus = _corpus(store, reference, progress)
    source = model_source(store, model)
    corpus_id = open_artifact(corpus).manifest.id
    path = store.path(Kind.TOKENS, _tokens_name(corpus, corpus_id, source, context_length))
    if made := _tokens_of(store, corpus, corpus_id, source):
        return Tokens.open(_the_only(made, reference))
    if not (path / MANIFEST).is_file():
        tokenize(corpus, source, TokenizeConfig(context_length=context_length), path, progress=progress)
    return Tokens.open(path)


def corpus_for(store: LocalStore, reference: str, progress: Progress) -> Path:
    """The corpus that `reference` means: a corpus, the one that tokens were made of, text files, or a data set.

    Raises:
        NotFound: tokens are meant whose corpus is not in the store.
    """
    try:
        tokens = open_artifact(store.find(Kind.TOKENS, reference), Kind.TOKENS)
    except (NotFound, FormatUnsupported):
        return _corpus(store, reference, progress)
    wanted = {each.id for each in tokens.manifest.inputs}
    for corpus in store.list(Kind.CORPUS):
        if corpus.manifest.id in wanted:
            return corpus.path
    raise NotFound(
        f"The corpus that the tokens {reference} were made of is not in the store.",
        remedy="Give the corpus itself, or its text.",
    )


def _corpus(store: LocalStore, reference: str, progress: Progress) -> Path:
    """A corpus that exists, or text, which is then added."""
    from mistudio.corpora.config import CorpusConfig
    from mistudio.corpora.corpus import add_corpus

    try:
        return store.find(Kind.CORPUS, reference)
    except NotFound:
        corpus = store.path(Kind.CORPUS, _text_name(reference))
        if not (corpus / MANIFEST).is_file():
            source = str(Path(reference).expanduser()) if Path(reference).expanduser().exists() else reference
            add_corpus(CorpusConfig(sources=(source,), held_out=0.1), corpus, progress=progress)
        return corpus


def _tokens_name(corpus: Path, corpus_id: str, source: str, context_length: int) -> str:
    """A name in the store for tokens that nobody named."""
    return f"{slug(corpus.name)}-{digest(corpus_id, source, context_length)}"


def _tokens_of(store: LocalStore, corpus: Path, corpus_id: str, source: str) -> list[Path]:
    """The stored tokens that the user made of a corpus with a model's tokenizer; not those made on the way."""
    wanted, found = _origins(source), []
    for each in store.list(Kind.TOKENS):
        model, length = str(each.manifest.config.get("model")), int(each.manifest.config.get("context_length", 0))
        of_corpus = any(one.id == corpus_id for one in each.manifest.inputs)
        on_the_way = each.path.name == _tokens_name(corpus, corpus_id, model, length)
        if of_corpus and not on_the_way and wanted & _origins(model):
            found.append(each.path)
    return found


def _origins(source: str) -> set[str]:
    """A model's source, and where a stored model came from: one model has both."""
    if not (Path(source) / MANIFEST).is_file():
        return {source}
    return {source, str(open_artifact(source).manifest.config.get("source", source))}


def _the_only(made: list[Path], reference: str) -> Path:
    if len(made) > 1:
        names = ", ".join(path.name for path in made)
        raise BadInput(
            f"{reference} was tokenized for this model {len(made)} times: {names}.",
            remedy=f"Give --corpus one of these names, e.g. --corpus {made[0].name}.",
        )
    return made[0]


def _kind_of(reference: str) -> Kind | None:
    """What the directory `reference` is, if it is a sealed one."""
    given = Path(reference).expanduser()
    return open_artifact(given).manifest.kind if (given / MANIFEST).is_file() else None


def _text_name(reference: str) -> str:
    """A name in the store for text that nobody named; it changes with the place, and with files' sizes and times."""
    given = Path(reference).expanduser()
    if not given.exists():
        return f"{slug(reference)}-{digest(reference)}"
    place = given.resolve()
    files = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
    stamps = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return f"{slug(str(place))}-{digest(place, *stamps)}"


def place(store: LocalStore, kind: Kind, out: Path | None, *names: str) -> Path:
    """Where a new artifact shall be: `out`, or a directory of the store called after `names`."""
    return out.expanduser() if out is not None else store.path(kind, slug("-".join(map(slug, names))))


def slug(text: str) -> str:
    """A name for the store that still says what it was made from: of a path or Hub id the last part."""
    tail = text.rstrip("/").rsplit("/", maxsplit=1)[-1]
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", tail).strip("-._") or "unnamed"
    return name if len(name) <= 100 else f"{name[:90]}-{digest(name)}"


def digest(*parts: object) -> str:
    """A few letters that stand for those parts in a name."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:8]


def directory(store: LocalStore, kind: Kind, reference: str) -> Path:
    """A directory that exists, sealed by us or not, or the stored artifact of that name."""
    given = Path(reference).expanduser()
    return given if given.is_dir() else store.find(kind, reference)


def keep_evaluation(store: LocalStore, result: Evaluation, sae: Path, against: Path | None = None) -> None:
    """Let the studio list an evaluation of an SAE that has an id; asked for again, it replaces the one before.

    Args:
        against: the SAE that it was compared with.
    """
    from mistudio.evaluation.result import keep_evaluation as keep

    if (sae / MANIFEST).is_file():
        sae_id, text_id = open_artifact(sae).manifest.id, str(result.text["id"])
        compared = [str(result.against["decoder_sha256"])] if result.against else []
        name = f"evaluation-{digest(sae_id, text_id, result.config.model_dump_json(), *compared)}"
        keep(
            result.model_dump(mode="json"),
            store.home,
            sae_id,
            text_id,
            name,
            against_id=_sealed_id(against) if against is not None else None,
        )


def keep_probing(
    store: LocalStore, result: LabelProbing | SpellingProbing, sae: Path, documents: Path | None = None
) -> None:
    """Let the studio list a probing of an SAE that has an id; asked for again, it replaces the one before.

    Args:
        documents: those with labels; None of spelling.
    """
    from mistudio.evaluation.result import PROBING
    from mistudio.evaluation.result import keep_probing as keep

    if (sae_id := _sealed_id(sae)) is not None:
        name = PROBING + digest(sae_id, documents, result.config.model_dump_json(), result.fit.model_dump_json())
        dataset_id = _sealed_id(documents) if documents is not None else None
        keep(result.model_dump(mode="json"), store.home, sae_id, dataset_id, name)


def _sealed_id(directory: Path) -> str | None:
    """The id of an artifact; None of a directory that none of our steps sealed."""
    return open_artifact(directory).manifest.id if (directory / MANIFEST).is_file() else None


def remark_on_another_model(sae: SparseAutoencoder, lm: LanguageModel) -> None:
    """Say so where an SAE names another model than the one it is used with: a fine-tuned one may be meant."""
    if sae.model_name and slug(sae.model_name).lower() != slug(lm.name).lower():
        console.remark(
            f"Warning: this SAE says that it was trained on {sae.model_name}, and the model here is {lm.name}."
        )


def token_filter(metadata: Mapping[str, Any]) -> TokenFilter | None:
    """The tokens that an SAE was not trained on, as its own files state them; None where they state nothing."""
    from mistudio.activations.outliers import TokenFilter

    description = metadata.get("token_filter")
    return TokenFilter.from_description(description) if description else None


def shard(text: str) -> tuple[int, int]:
    """The pair of numbers in `i/n`.

    Raises:
        BadInput: the text is something else.
    """
    first, _, second = text.partition("/")
    if not (first.isdigit() and second.isdigit() and int(first) < int(second)):
        raise BadInput(f"--shard {text!r} is not understood.", remedy="Write i/n with i from 0 to n-1, e.g. 0/4.")
    return int(first), int(second)


def plain(metrics: Mapping[str, Any]) -> dict[str, object]:
    """The single values among metrics, under names for people."""
    return {name.replace("_", " "): value for name, value in metrics.items() if not isinstance(value, Mapping | list)}
