import asyncio

import pytest

from mistudio.studio.app import build_api, in_layers
from mistudio.studio.db.session import Database
from mistudio.studio.events.sockets import LiveEvents
from mistudio.studio.http.guard import Guard
from mistudio.studio.http.rate_limits import RateLimits
from mistudio.studio.settings import Settings
from tests.studio.http.asking import ask, echo

TOKENS = {role: f"{role}-0123456789abcdef" for role in ("viewer", "operator", "admin")}


def guarded(tmp_path, **settings):
    return Guard(echo, Settings(home=tmp_path, **settings))


def with_tokens(tmp_path, **settings):
    tokens = ",".join(f"{role}:{token}" for role, token in TOKENS.items())
    return guarded(tmp_path, host="0.0.0.0", api_tokens=tokens, allowed_hosts="studio.example", **settings)


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "[::1]:8000"])
def test_the_studio_answers_under_its_own_names(tmp_path, host):
    assert ask(guarded(tmp_path), "GET", "/api/v1/jobs", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "", "[::2]"])
@pytest.mark.parametrize("path", ["/", "/api/v1/jobs", "/health"])
def test_a_rebound_name_is_refused_everywhere(tmp_path, host, path):
    answer = ask(guarded(tmp_path), "GET", path, headers={"Host": host})
    assert answer.status_code == 403
    assert "MISTUDIO_ALLOWED_HOSTS" in answer.json()["error"]["details"]["remedy"]


def test_a_socket_under_a_rebound_name_is_refused(tmp_path):
    sent = []

    async def run():
        async def receive():
            return {"type": "websocket.connect"}

        async def send(message):
            sent.append(message)

        scope = {"type": "websocket", "path": "/ws/socket.io/", "headers": [(b"host", b"evil.example")]}
        await guarded(tmp_path)(scope, receive, send)

    asyncio.run(run())
    assert [message["type"] for message in sent] == ["websocket.close"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_a_page_of_another_site_sends_is_refused(tmp_path, method):
    answer = ask(guarded(tmp_path), method, "/api/v1/jobs", headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    own = ask(guarded(tmp_path), method, "/api/v1/jobs", headers={"Origin": "http://127.0.0.1"})
    assert own.status_code == 200


def test_on_another_machine_nothing_of_the_api_is_open_without_a_token(tmp_path):
    app = with_tokens(tmp_path)
    for path in ("/api/v1/jobs", "/metrics"):
        answer = ask(app, "GET", path)
        assert answer.status_code == 401, path
        assert answer.json()["error"]["code"] == "Unauthorized"
    for path in ("/health", "/api/v1/health/ready", "/", "/api/docs"):
        assert ask(app, "GET", path).status_code == 200, path


@pytest.mark.parametrize(
    ("role", "method", "path", "status"),
    [
        ("viewer", "GET", "/api/v1/settings", 200),
        ("viewer", "POST", "/api/v1/jobs/x/cancel", 403),
        ("operator", "POST", "/api/v1/jobs/x/cancel", 200),
        ("operator", "DELETE", "/api/v1/jobs/x", 403),
        ("operator", "PATCH", "/api/v1/settings", 403),
        ("admin", "DELETE", "/api/v1/jobs/x", 200),
        ("admin", "PATCH", "/api/v1/settings", 200),
    ],
)
def test_a_role_may_do_what_it_is_for(tmp_path, role, method, path, status):
    headers = {"Authorization": f"Bearer {TOKENS[role]}"}
    assert ask(with_tokens(tmp_path), method, path, headers=headers).status_code == status


@pytest.mark.parametrize("header", ["Bearer wrong-0123456789ab", "Basic dTpw", "Bearer", "", "Bearer " + "é" * 20])
def test_a_token_that_is_not_known_opens_nothing(tmp_path, header):
    answer = ask(with_tokens(tmp_path), "GET", "/api/v1/jobs", headers={"Authorization": header.encode()})
    assert answer.status_code == 401


@pytest.fixture
def open_to_a_site(tmp_path):
    settings = Settings(
        home=tmp_path, DATABASE_URL="postgresql://nobody@/nothing", allowed_origins="https://lab.example"
    )
    database = Database(str(settings.database_url))
    live = LiveEvents(database, allow=lambda *_: True, is_allowed=lambda *_: True)
    return in_layers(build_api(), settings, database, RateLimits(settings), live)


@pytest.mark.parametrize(("origin", "allowed"), [("https://lab.example", True), ("https://evil.example", False)])
def test_only_pages_of_listed_sites_may_read_answers(open_to_a_site, origin, allowed):
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    before = ask(open_to_a_site, "OPTIONS", "/api/v1/trainings", headers=asked)
    assert (before.headers.get("access-control-allow-origin") == origin) is allowed
    answer = ask(open_to_a_site, "GET", "/api/docs", headers={"Origin": origin})
    assert (answer.headers.get("access-control-allow-origin") == origin) is allowed
