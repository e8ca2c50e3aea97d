import json
import logging
import os
import subprocess
import sys
from contextvars import copy_context

import pytest

from mistudio.studio.http.request_id import begin_request
from mistudio.studio.logs import HIDDEN, formatter
from mistudio.studio.settings import Settings

TOKEN = "admin-0123456789abcdef"
HUB = "hf_" + "abcdefghijklmnop"
PASSWORD = "pa55word"


@pytest.fixture
def line(tmp_path):
    """The line that a record makes."""
    settings = Settings(
        home=tmp_path, api_tokens=f"admin:{TOKEN}", DATABASE_URL=f"postgresql://me:{PASSWORD}@db/studio"
    )
    made = formatter(settings)

    def of(message, *arguments, error=None, **extra):
        logger = logging.getLogger("mistudio.test")
        info = (type(error), error, error.__traceback__) if error else None
        record = logger.makeRecord("mistudio.test", logging.INFO, __file__, 1, message, arguments, info, extra=extra)
        return made.format(record)

    return of


def test_a_line_is_a_json_object_with_time_level_and_place(line):
    told = json.loads(line("job %s started", "job-1", job_id="job-1"))
    assert told["event"] == "job job-1 started"
    assert (told["level"], told["logger"], told["job_id"]) == ("info", "mistudio.test", "job-1")
    assert told["timestamp"].endswith("Z")


def test_a_line_names_the_request_that_it_belongs_to(line):
    def asked():
        return begin_request(None), json.loads(line("hello"))["request_id"]

    begun, named = copy_context().run(asked)
    assert named == begun


@pytest.mark.parametrize(
    "extra",
    [
        {"headers": {"Authorization": f"Bearer {TOKEN}", "Accept": "json"}},
        {"headers": [["cookie", f"mistudio_token={TOKEN}"]]},
        {"hf_token": "something-unknown"},
        {"request": {"config": {"api_key": "something-unknown"}}},
        {"client_secret": "something-unknown"},
        {"what": f"the token was {TOKEN}"},
        {"url": f"postgresql://me:{PASSWORD}@db/studio"},
        {"url": "redis://:something-unknown@cache"},
        {"url": "https://hub.example/x?token=something-unknown&a=1"},
        {"text": f"download with {HUB} failed"},
        {"body": '{"hf_token": "something-unknown"}'},
    ],
)
def test_no_secret_is_ever_written(line, extra):
    written = line("happened", **extra)
    for secret in (TOKEN, HUB, PASSWORD, "something-unknown"):
        assert secret not in written
    assert HIDDEN in written


def test_a_traceback_tells_where_and_no_secret(line):
    try:
        raise ValueError(f"refused: Bearer {TOKEN} {HUB}")
    except ValueError as error:
        written = line("failed", error=error)
    assert "test_logs.py" in written
    assert TOKEN not in written
    assert HUB not in written


def test_what_only_sounds_like_a_secret_stays(line):
    told = json.loads(
        line("trained", tokens=2_000_000, max_new_tokens=48, keyboard=None, url="http://127.0.0.1:8000/x")
    )
    assert (told["tokens"], told["max_new_tokens"], told["url"]) == (2_000_000, 48, "http://127.0.0.1:8000/x")


def test_what_json_does_not_know_is_written_as_text(line, tmp_path):
    assert json.loads(line("read", path=tmp_path, at=[tmp_path]))["path"] == str(tmp_path)


def test_the_plain_lines_of_a_job_hold_no_secret_whoever_writes_them(tmp_path):
    script = f"""
import logging, sys, warnings
from mistudio.studio.logs import write_plain_lines
from mistudio.studio.settings import load_settings
write_plain_lines(load_settings())
logging.getLogger("job").info("Attempt 1 with %s", "{HUB}")
print("download with {HUB} failed")
sys.stderr.write("Authorization: Bearer something-unknown\\n")
warnings.warn("connected to postgresql://me:{PASSWORD}@db/studio")
raise ValueError("refused: {PASSWORD} {HUB}")
"""
    environment = os.environ | {"MISTUDIO_HOME": str(tmp_path), "DATABASE_URL": f"postgresql://me:{PASSWORD}@db/studio"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    for secret in (HUB, PASSWORD, "something-unknown"):
        assert secret not in done.stdout + done.stderr
    assert done.stdout.splitlines()[0].endswith(f" Attempt 1 with {HIDDEN}")
    assert f"download with {HIDDEN} failed" in done.stdout
    assert f"ValueError: refused: {HIDDEN} {HIDDEN}" in done.stderr
    assert done.returncode == 1
