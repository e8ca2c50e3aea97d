"""Who may do what. On loopback without tokens everyone is admin; with tokens each request names one.

Roles: viewers read, operators also start, stop and change, admins also delete and change settings.
"""

from __future__ import annotations

import hmac
from typing import Any
from urllib.parse import urlsplit

from mistudio.errors import Forbidden, Unauthorized
from mistudio.studio.settings import Role, Settings

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_OPEN = ("/health", "/api/v1/health", "/api/docs", "/api/openapi.json")
COOKIE = "mistudio_token"


def role_of(settings: Settings, token: str | None) -> Role | None:
    """The role that a token gives; None if it gives none."""
    if not settings.tokens:
        return None if settings.listens_elsewhere else Role.ADMIN
    found = None
    for known, role in settings.tokens.items():  # All of them are compared: the time tells nothing.
        if hmac.compare_digest(known.encode(), (token or "").encode()):
            found = role
    return found


def check_request(settings: Settings, method: str, path: str, headers: Any) -> None:
    """Let a request pass.

    Raises:
        Unauthorized: it needs a token and has none that is known.
        Forbidden: the role is too low, or a page of another site sent it.
    """
    if method not in _READING:
        check_origin(settings, headers)
    if not path.startswith(("/api/", "/metrics")) or path.startswith(_OPEN):
        return
    role = role_in(settings, headers)
    if role is None:
        raise Unauthorized("This studio wants a token.")
    needed = needed_role(method, path)
    if role < needed:
        raise Forbidden(f"A {role.name.lower()} may not do this; it takes the role {needed.name.lower()}.")


def role_in(settings: Settings, headers: Any) -> Role | None:
    """The role of whoever sent a request."""
    return role_of(settings, _token_in(headers))


def known_token(settings: Settings, headers: Any) -> str | None:
    """The token that a request names, if it is one of the studio's."""
    token = _token_in(headers)
    return token if settings.tokens and role_of(settings, token) is not None else None


def _token_in(headers: Any) -> str | None:
    scheme, _, token = (headers.get("authorization") or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def needed_role(method: str, path: str) -> Role:
    """The lowest role that may call this."""
    if method in _READING:
        return Role.VIEWER
    if method == "DELETE" or path.startswith("/api/v1/settings"):
        return Role.ADMIN
    return Role.OPERATOR


def who_may(method: str, path: str) -> str:
    """Who may call this, in a word."""
    return "anyone" if path.startswith(_OPEN) else needed_role(method, path).name.lower()


def check_origin(settings: Settings, headers: Any) -> None:
    """Refuse what a page of another site sends through the user's browser.

    Raises:
        Forbidden: the Origin header names another site.
    """
    origin = headers.get("origin")
    if not may_use(settings, origin, headers.get("host")):
        raise Forbidden(f"Pages of {origin} may not use this studio.", remedy="Add it to MISTUDIO_ALLOWED_ORIGINS.")


def may_use(settings: Settings, origin: str | None, host: str | None) -> bool:
    """Whether pages of an origin may use the studio that was asked under the name `host`: its own, and those named."""
    return not origin or origin in allowed_origins(settings) or urlsplit(origin).netloc == host


def allowed_origins(settings: Settings) -> list[str]:
    """Origins of other sites whose pages may call the API."""
    return [each.strip() for each in settings.allowed_origins.split(",") if each.strip()]


def allowed_hosts(settings: Settings) -> frozenset[str]:
    """Names, without port, under which the studio answers: others point to a rebound DNS name."""
    own = {"localhost", "127.0.0.1", "[::1]"} | ({settings.host} - {"0.0.0.0", "::"})
    return frozenset(own | {each.strip() for each in settings.allowed_hosts.split(",") if each.strip()})


def check_host(allowed: frozenset[str], host: str | None) -> None:
    """Refuse requests under a name that is not ours.

    Raises:
        Forbidden: the Host header names something else.
    """
    name = (host or "").rsplit(":", 1)[0] if not (host or "").endswith("]") else host or ""
    if name not in allowed:
        raise Forbidden(f"This studio is not called {name!r}.", remedy="Add the name to MISTUDIO_ALLOWED_HOSTS.")
