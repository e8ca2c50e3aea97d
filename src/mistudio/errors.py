"""Every error that a user can meet: what happened, and what to do next.

The command line prints both sentences and exits with `exit_code`; the HTTP interface answers with `status`.
Anything that is not a `MistudioError` is a bug of ours and keeps its traceback.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

_NUMBER = re.compile(r"\[Errno -?\d+\] ")


class MistudioError(Exception):
    """A failure that the user can do something about.

    Args:
        message: one sentence that says what is wrong, naming the thing.
        remedy: one sentence that says what to do next; the class's own where none is given.
        details: facts for a program that reads the error.
    """

    exit_code: ClassVar[int] = 1
    status: ClassVar[int] = 500
    default_remedy: ClassVar[str] = "Run the command again with --debug and report the traceback."

    def __init__(self, message: str, *, remedy: str | None = None, details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy or self.default_remedy
        self.details = dict(details or {})

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.message, self.remedy, self.details)


def reason_of(error: BaseException) -> str:
    """What another library's error says, for the end of a sentence: its first line, without the system's number."""
    lines = _NUMBER.sub("", str(error)).strip().splitlines()
    return (lines or [type(error).__name__])[0].rstrip(".")


def _rebuild(kind: type[MistudioError], message: str, remedy: str, details: Mapping[str, object]) -> MistudioError:
    return kind(message, remedy=remedy, details=details)


class BadInput(MistudioError):
    """An option or argument has a value that cannot work."""

    exit_code = 2
    status = 422
    default_remedy = "See --help for the values that are accepted."


class ConfigConflict(BadInput):
    """A re-run asks for something other than what the interrupted run was doing."""

    status = 409
    default_remedy = "Repeat the original options, or choose another --out."


class NotFound(MistudioError):
    """A named model, corpus, SAE or file does not exist."""

    exit_code = 2
    status = 404
    default_remedy = "List what is there with `mistudio model list`, or give the path of a directory."


class UnknownModel(NotFound):
    """The model is neither a local directory, nor a .gguf file, nor reachable on the Hub."""

    default_remedy = "Check the spelling of the Hub id, or give the path of a local model directory or .gguf file."


class UnsupportedModel(MistudioError):
    """The model's structure could not be recognised."""

    status = 422
    default_remedy = "See docs/adding/model-family.md: a family is one row in language_models/families.py."


class HookMissing(MistudioError):
    """A hook point does not exist in this model, or did not fire on every token demanded of it."""

    exit_code = 2
    status = 422
    default_remedy = "List the model's hook points with `mistudio model show MODEL`."


class EmptyCorpus(MistudioError):
    """There is no text, or no token, to work on."""

    exit_code = 2
    status = 422
    default_remedy = "Check the path and --column: the corpus must hold at least two contexts' worth of text."


class ArtifactExists(MistudioError):
    """The output directory is already taken."""

    exit_code = 2
    status = 409
    default_remedy = "Choose another --out, or remove the directory first."


class ArtifactBroken(MistudioError):
    """A file of an artifact is missing, truncated or changed."""

    status = 422
    default_remedy = "Make the artifact again, or restore the file from a backup."


class FormatUnsupported(MistudioError):
    """A file is of a format, or of a version, that is not read here."""

    exit_code = 2
    status = 422
    default_remedy = "Use safetensors; pickled files are never loaded."


class ShapeError(MistudioError):
    """A tensor does not have the shape that the SAE or the hook point demands."""

    status = 422
    default_remedy = "Use the model and hook point that the SAE was trained on."


class DiskFull(MistudioError):
    """The disk had no room left; what was half-written has been removed or can be resumed."""

    status = 507
    default_remedy = "Free some space, or point MISTUDIO_HOME or --out to another disk, and run the same command again."


class Diverged(MistudioError):
    """Training left the finite numbers."""

    default_remedy = "Train again with a lower --lr or more warm-up steps."


class RankLost(MistudioError):
    """Another of the processes that train together has ended."""

    status = 503
    default_remedy = "Read above why it ended; the same command goes on from the last checkpoint."


class NotEnoughMemory(MistudioError):
    """The work needs more memory than there is."""

    status = 503
    default_remedy = "Use a smaller --batch-size, a smaller --expansion, or --dtype bfloat16."


class EngineUnavailable(MistudioError):
    """The process that holds the loaded models does not answer, or ended while it worked."""

    status = 503
    default_remedy = "Start the studio with `mistudio up`; if it runs, try again, and see its engine.log if that fails."


class DownloadFailed(MistudioError):
    """A file could not be fetched, or is not the file that it should be."""

    status = 502
    default_remedy = "Check the network connection and try again; finished downloads are kept."


class MissingExtra(MistudioError):
    """An optional dependency is not installed."""

    exit_code = 2
    status = 501
    default_remedy = "Install it with pip and run the same command again."


class PeerFailed(MistudioError):
    """Another library, measured beside this one, could not be installed or did not run to the end."""

    status = 502
    default_remedy = "Run the benchmark without the other libraries, or remove their environment and run it again."


class StudioUnavailable(MistudioError):
    """No studio answers at the address."""

    status = 503
    default_remedy = "Start one with `mistudio up`, or give the address of one that runs."


class DatabaseUnavailable(MistudioError):
    """PostgreSQL does not answer."""

    status = 503
    default_remedy = "Wait a moment: it is restarted by itself. If it stays away, see `mistudio status`."


class DatabaseFailed(MistudioError):
    """The studio's own PostgreSQL could not be made or started."""

    status = 503
    default_remedy = "Read postgres.log in the studio's logs folder, or give another database by DATABASE_URL."


class StudioFailed(MistudioError):
    """A process of the studio does not start, or does not answer."""

    status = 503
    default_remedy = "Read the logs in the studio's folder of the home, and run `mistudio up` again."


class NotAllowedNow(MistudioError):
    """What is asked for does not fit the present state of the thing."""

    status = 409
    default_remedy = "Look at its present state: it may have changed in the meantime."


class StillUsed(MistudioError):
    """Something cannot be deleted, because other things were made of it; `details` names them."""

    status = 409
    default_remedy = "Delete those first, or force the deletion: they stay, and lose the link."


class Unauthorized(MistudioError):
    """No token, or one that is not known."""

    status = 401
    default_remedy = "Sign in with one of the tokens in MISTUDIO_API_TOKENS."


class Forbidden(MistudioError):
    """The token's role is too low, or the request comes from a page of another site."""

    status = 403
    default_remedy = "Use a token with a higher role."


class TooLarge(MistudioError):
    """A body is larger than allowed."""

    status = 413
    default_remedy = "Send less, or raise MISTUDIO_MAX_UPLOAD_BYTES."


class TooManyRequests(MistudioError):
    """A rate limit is used up."""

    status = 429
    default_remedy = "Wait for as many seconds as Retry-After says."


class Interrupted(MistudioError):
    """The work was asked to stop and saved what it had."""

    exit_code = 130
    status = 409
    default_remedy = "Run the same command again to continue where it stopped."


class Cancelled(Interrupted):
    """The work was cancelled."""


class Paused(Interrupted):
    """The work was paused."""
