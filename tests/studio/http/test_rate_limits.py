import asyncio
import time

import pytest

from mistudio.studio.db.session import Database
from mistudio.studio.http import rate_limits
from mistudio.studio.http.guard import Guard
from mistudio.studio.http.rate_limits import RateLimiter, RateLimits
from mistudio.studio.settings import Settings
from tests.studio.http.asking import ask, echo


@pytest.fixture(autouse=True)
def at_the_begin_of_a_window(monkeypatch):
    """No minute ends within a test."""
    now = time.time()
    begin = now // 3600 * 3600
    monkeypatch.setattr(rate_limits.time, "time", lambda: begin + time.monotonic() % 1)


def limited(tmp_path, **limits):
    settings = Settings(home=tmp_path, **limits)
    return RateLimiter(Guard(echo, settings), RateLimits(settings), settings)


def test_every_answer_tells_how_much_is_left(tmp_path):
    app = limited(tmp_path, requests_per_minute=3)
    left = [ask(app, "GET", "/api/v1/jobs").headers["x-ratelimit-remaining"] for _ in range(3)]
    assert left == ["2", "1", "0"]
    headers = ask(app, "GET", "/api/v1/jobs").headers
    assert headers["x-ratelimit-limit"] == "3"
    assert int(headers["x-ratelimit-reset"]) % 60 == 0


def test_one_request_too_many_is_refused_and_told_when_to_come_again(tmp_path):
    app = limited(tmp_path, requests_per_minute=1)
    ask(app, "GET", "/api/v1/jobs")
    answer = ask(app, "GET", "/api/v1/jobs")
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    error = answer.json()["error"]
    assert (error["code"], error["retryable"]) == ("TooManyRequests", True)
    assert "MISTUDIO_REQUESTS_PER_MINUTE" in error["details"]["remedy"]


@pytest.mark.parametrize("path", ["/health", "/api/v1/health/live", "/", "/assets/index.js"])
def test_health_and_pages_are_free(tmp_path, path):
    app = limited(tmp_path, requests_per_minute=1)
    answers = [ask(app, "GET", path) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert "x-ratelimit-limit" not in answers[0].headers


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("downloads_per_hour", "/api/v1/datasets"),
        ("downloads_per_hour", "/api/v1/models"),
        ("generations_per_hour", "/api/v1/steering/generate"),
        ("generations_per_hour", "/api/v1/steering/compare"),
    ],
)
def test_what_costs_much_has_a_limit_of_its_own(tmp_path, name, path):
    app = limited(tmp_path, **{name: 1})
    assert ask(app, "POST", path).headers["x-ratelimit-limit"] == "1"
    answer = ask(app, "POST", path)
    assert answer.status_code == 429
    assert f"MISTUDIO_{name.upper()}" in answer.json()["error"]["details"]["remedy"]
    assert ask(app, "GET", path).status_code == 200
    assert ask(app, "POST", f"{path}/preview/more" if "steering" not in path else "/api/v1/jobs").status_code == 200


def bearing(token):
    return {"Authorization": f"Bearer {token}"}


def test_clients_with_tokens_are_counted_apart(tmp_path):
    tokens = ["a" * 16, "b" * 16]
    app = limited(tmp_path, requests_per_minute=1, api_tokens=",".join(f"viewer:{token}" for token in tokens))
    for token in tokens:
        assert ask(app, "GET", "/api/v1/jobs", headers=bearing(token)).status_code == 200
    assert ask(app, "GET", "/api/v1/jobs", headers=bearing(tokens[0])).status_code == 429


@pytest.mark.parametrize("path", ["/api/v1/jobs", "/metrics"])
def test_guesses_at_a_token_count_for_the_address_and_not_for_the_token(tmp_path, path):
    token = "a" * 16
    app = limited(tmp_path, requests_per_minute=3, api_tokens=f"viewer:{token}")
    answers = [ask(app, "GET", path, headers=bearing(f"guess-{number}")) for number in range(5)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]
    assert ask(app, "GET", path, headers=bearing(token)).status_code == 200


def test_where_no_token_is_wanted_naming_one_changes_nothing(tmp_path):
    app = limited(tmp_path, requests_per_minute=3)
    answers = [ask(app, "GET", "/api/v1/jobs", headers=bearing(f"new-{number}")) for number in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert app._limits._windows.keys() == {("address:127.0.0.1", "requests_per_minute")}


def test_a_new_window_begins_with_nothing(tmp_path, monkeypatch):
    limits = RateLimits(Settings(home=tmp_path, requests_per_minute=1))
    assert not limits.take("ada", ["requests_per_minute"]).is_over
    assert limits.take("ada", ["requests_per_minute"]).is_over
    later = rate_limits.time.time() + 61
    monkeypatch.setattr(rate_limits.time, "time", lambda: later)
    assert not limits.take("ada", ["requests_per_minute"]).is_over


def test_two_processes_count_together(settings):
    settings = settings.model_copy(update={"requests_per_minute": 10})
    one, other = RateLimits(settings), RateLimits(settings)

    def take(limits, count):
        return sum(not limits.take("ada", ["requests_per_minute"]).is_over for _ in range(count))

    async def run():
        database = Database(str(settings.database_url))
        try:
            taken = take(one, 4) + take(other, 3)
            for limits in (one, other, one):
                await limits.sum(database)
            taken += take(one, 2)
            await one.sum(database)
            taken += take(other, 1)  # It has not heard of the last two.
            for limits in (other, one, other):
                await limits.sum(database)
            taken += take(one, 5) + take(other, 5)
        finally:
            await database.close()
        return taken

    assert asyncio.run(run()) == 10


def test_what_is_counted_while_it_is_summed_is_not_lost(settings):
    limits = RateLimits(settings.model_copy(update={"requests_per_minute": 100}))

    async def run():
        database = Database(str(settings.database_url))
        try:
            for _ in range(5):
                limits.take("ada", ["requests_per_minute"])
                summing = asyncio.create_task(limits.sum(database))
                await asyncio.sleep(0)
                limits.take("ada", ["requests_per_minute"])
                await summing
        finally:
            await database.close()

    asyncio.run(run())
    assert limits.take("ada", ["requests_per_minute"]).remaining == 100 - 11


def test_without_a_database_each_process_counts_for_itself(tmp_path):
    settings = Settings(home=tmp_path, requests_per_minute=2, DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")
    limits = RateLimits(settings)

    async def run():
        database = Database(str(settings.database_url))
        summing = asyncio.create_task(limits.keep_summing(database))
        taken = [limits.take("ada", ["requests_per_minute"]).is_over for _ in range(3)]
        await asyncio.sleep(1.5)
        assert not summing.done()
        summing.cancel()
        await asyncio.gather(summing, return_exceptions=True)
        await database.close()
        return taken

    assert asyncio.run(run()) == [False, False, True]
