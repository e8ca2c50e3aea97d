"""An SAE on the Hugging Face Hub: its own files, and a card that says how it is loaded, here and in SAELens."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mistudio.errors import DownloadFailed, NotFound, reason_of
from mistudio.sae.native_file import load_sae, save_sae
from mistudio.sae.sparse_autoencoder import SparseAutoencoder

_FILES = ("cfg.json", "sae_weights.safetensors", "sparsity.safetensors")
_CARD = "README.md"


def push_sae(
    sae: SparseAutoencoder,
    repo_id: str,
    *,
    private: bool = False,
    token: str | None = None,
    message: str = "Upload an SAE",
    endpoint: str | None = None,
) -> str:
    """Upload an SAE and its card as a model; returns the address of the commit.

    Args:
        sae: what to upload.
        repo_id: NAMESPACE/NAME; made if it is not there.
        private: with a new repository: only its owners see it.
        token: to write with; the one that `hf auth login` left where None.
        message: of the commit.
        endpoint: another Hub than huggingface.co.

    Raises:
        NotFound: the Hub doesn't know the namespace, or the token may not write there.
        DownloadFailed: the Hub broke off.
    """
    from huggingface_hub import HfApi

    api = HfApi(endpoint=endpoint, token=token)
    with tempfile.TemporaryDirectory(prefix="mistudio-hub-") as place, _said(repo_id):
        folder = Path(place)
        save_sae(sae, folder)
        (folder / _CARD).write_text(card(sae, repo_id), encoding="utf-8")
        api.create_repo(repo_id, private=private, exist_ok=True)
        commit = api.upload_folder(repo_id=repo_id, folder_path=folder, commit_message=message)
    return str(commit.commit_url)


def sae_from_hub(
    repo_id: str,
    *,
    folder: str = "",
    revision: str | None = None,
    token: str | None = None,
    endpoint: str | None = None,
) -> SparseAutoencoder:
    """Fetch an SAE, made here or by SAELens, and load it; files that are there already are not fetched again.

    Args:
        repo_id: NAMESPACE/NAME.
        folder: of the SAE in the repository, where that holds several.
        revision: branch, tag or commit; the default branch where None.
        token: for repositories that are not open to everyone; the one that `hf auth login` left where None.
        endpoint: another Hub than huggingface.co.

    Raises:
        NotFound: the Hub doesn't know the repository or revision, or there is no SAE in it.
        DownloadFailed: the Hub broke off.
        ArtifactBroken, FormatUnsupported: the files are not an SAE that can be read here.
    """
    from huggingface_hub import HfApi

    patterns = [f"{folder}/{name}" if folder else name for name in _FILES]
    with _said(repo_id):
        fetched = HfApi(endpoint=endpoint, token=token).snapshot_download(
            repo_id, revision=revision, allow_patterns=patterns
        )
    return load_sae(Path(fetched) / folder)


def card(sae: SparseAutoencoder, repo_id: str) -> str:
    """The README.md of an SAE's repository, in Markdown, with the Hub's tags."""
    return f"""---
library_name: mistudio
tags:
- sparse-autoencoder
- mechanistic-interpretability
- saelens
---

# {repo_id.rpartition("/")[2]}

A sparse autoencoder ({sae.config.architecture}) with {sae.d_sae:,} latents, for `{sae.hook}` ({sae.d_in} dimensions) of
`{sae.model_name}`. It takes raw activations: any scaling of its training is folded into its weights.

## In miStudio

```python
import mistudio

sae = mistudio.sae_from_hub("{repo_id}")
acts = sae.encode(x)  # x: activations of {sae.hook}, [tokens, {sae.d_in}]
```

## In SAELens

```python
from huggingface_hub import snapshot_download
from sae_lens import SAE

sae = SAE.load_from_disk(snapshot_download("{repo_id}"))
acts = sae.encode(x)
```
"""


@contextmanager
def _said(repo_id: str) -> Iterator[None]:
    """Turn what the Hub's client raises into a sentence."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
    from huggingface_hub.errors import RepositoryNotFoundError as Unknown

    try:
        yield
    except (Unknown, HFValidationError, LocalEntryNotFoundError) as error:
        raise NotFound(
            f"{repo_id} cannot be reached on the Hub: {reason_of(error)}.",
            remedy="Check the name, NAMESPACE/NAME, the network, and that `hf auth login` knows a token for it.",
        ) from error
    except (HfHubHTTPError, OSError) as error:
        raise DownloadFailed(f"The Hub broke off with {repo_id}: {reason_of(error)}.") from error
