import inspect

import grpc
import pytest

from mistudio import errors
from mistudio.errors import ArtifactBroken, EngineUnavailable, MistudioError
from mistudio.studio.engine.failures import error_of, failure_of

ERRORS = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, MistudioError)]


def arrived(error: Exception) -> MistudioError:
    failure = failure_of(error)
    return error_of(failure.code, failure.details, dict(failure.metadata), "unix:here")


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_arrives_as_it_left(kind):
    found = arrived(kind("Größe 🎉 of x.", remedy="Mend it – soon."))
    assert (type(found), found.message, found.remedy) == (kind, "Größe 🎉 of x.", "Mend it – soon.")


def test_a_bug_of_the_engine_says_what_and_where_to_look():
    found = arrived(ZeroDivisionError("division by zero"))
    assert type(found) is MistudioError
    assert found.message == "The engine failed: ZeroDivisionError: division by zero"
    assert "engine.log" in found.remedy


def test_a_sentence_without_end_is_cut_off_and_still_arrives():
    found = arrived(ArtifactBroken("x" * 100_000, remedy="y" * 100_000))
    assert (len(found.message), len(found.remedy)) == (2000, 2000)


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (grpc.StatusCode.UNAVAILABLE, EngineUnavailable, "ended while it was working"),
        (grpc.StatusCode.CANCELLED, EngineUnavailable, "ended while it was working"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, EngineUnavailable, "did not answer in time"),
        (grpc.StatusCode.UNIMPLEMENTED, EngineUnavailable, "of another version"),
        (grpc.StatusCode.DATA_LOSS, MistudioError, "something else"),
    ],
)
def test_what_grpc_itself_says_is_put_in_words(code, kind, words):
    found = error_of(code, "something else", {}, "unix:here")
    assert type(found) is kind
    assert words in found.message


def test_a_class_that_is_no_error_of_ours_is_not_made():
    assert type(error_of(grpc.StatusCode.INTERNAL, "x", {"mistudio-error": "ClassVar"}, "a")) is MistudioError
