"""What is shown is short, whole, and cannot take the terminal over."""

from __future__ import annotations

import pytest

from mistudio.cli import console
from mistudio.errors import ArtifactBroken, Cancelled


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "yes"),
        (None, "–"),
        (1234567, "1,234,567"),
        (0.123456789, "0.1235"),
        (14223.7, "14,224"),
        ("0" * 64, "000000000000…"),
        ("resid_post.2", "resid_post.2"),
    ],
)
def test_values_are_shown_in_as_many_digits_as_a_reader_wants(value: object, shown: str):
    assert console.shown(value) == shown


def test_a_file_gets_a_line_every_half_minute_with_the_time_that_is_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    progress = console.TerminalProgress()
    for second in range(0, 65, 5):
        now[0] = float(second)
        progress.advance("record", second * 10.0, 3000.0)

    assert capsys.readouterr().err.splitlines() == [
        "record …",
        "record: 300 of 3,000, about 4 min left",
        "record: 600 of 3,000, about 4 min left",
    ]


def test_an_error_takes_two_lines_however_long_it_is(capsys: pytest.CaptureFixture[str]):
    console.say_error(ArtifactBroken("word " * 100 + "\nend.", remedy="Mend it.\n"))

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].endswith("word end.")
    assert lines[1] == "What to do: Mend it."


def test_stopped_work_is_no_error(capsys: pytest.CaptureFixture[str]):
    console.say_error(Cancelled("Stopped.", remedy="Go on."))

    assert capsys.readouterr().err == "Stopped. Go on.\n"


def test_a_proposed_command_is_not_broken(capsys: pytest.CaptureFixture[str]):
    command = "mistudio eval " + "/very/long/path" * 30
    console.remark(command)

    assert capsys.readouterr().err == command + "\n"


@pytest.mark.parametrize("text", ["[bold]x[/bold]", "[/]", "[link=http://x]y"])
def test_brackets_are_text_everywhere(capsys: pytest.CaptureFixture[str], text: str):
    console.print_table(text, ["text"], [[text]])
    console.print_facts(text, {text: text})
    console.say_error(ArtifactBroken(text, remedy=text))
    console.remark(text)

    shown = capsys.readouterr()
    assert shown.out.count(text) == 5
    assert shown.err.count(text) == 3


def test_a_models_text_cannot_send_commands_to_the_terminal(capsys: pytest.CaptureFixture[str]):
    hostile = "a\x1b[2Jb\x07\x9bc\x7f"
    console.print_table("t", ["text"], [[hostile]])
    console.print_facts("f", {"text": hostile})
    console.say(hostile)
    console.say_error(ArtifactBroken(hostile, remedy=hostile))

    shown = capsys.readouterr()
    assert not set("\x1b\x07\x9b\x7f") & set(shown.out + shown.err)
