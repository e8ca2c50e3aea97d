"""What the environment decides about a studio: the only module that reads it."""

from __future__ import annotations

import hashlib
import ipaddress
import os
from collections.abc import Mapping
from contextlib import suppress
from enum import IntEnum
from functools import cached_property
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from mistudio.artifacts.store import LocalStore
from mistudio.errors import BadInput

_SOCKET_PATH_BYTES = 90
"""A Unix socket's path has room for 107 bytes on Linux and 103 on macOS."""


class Role(IntEnum):
    """What a token allows; a higher role includes the lower ones."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3


class Settings(BaseSettings):
    """One studio's settings. Every name is an environment variable, with `MISTUDIO_` before it where none is given."""

    model_config = SettingsConfigDict(
        env_prefix="MISTUDIO_", frozen=True, extra="ignore", use_attribute_docstrings=True, populate_by_name=True
    )

    home: Path = Path("~/.mistudio")
    """Where artifacts, the database and the logs are kept."""
    host: str = "127.0.0.1"
    """Address to listen on; anything but loopback needs `MISTUDIO_API_TOKENS`."""
    port: int = Field(default=8000, gt=0, lt=65536)
    """Port of pages, API and sockets."""
    database_url: str | None = Field(default=None, validation_alias="DATABASE_URL")
    """A PostgreSQL with pgvector of your own, `postgresql://user@host/name`; else the embedded one."""
    redis_url: str | None = Field(default=None, validation_alias="REDIS_URL")
    """A Redis that carries the jobs' messages; folders in the home do if unset."""
    api_processes: int = Field(default=1, gt=0)
    """Processes that answer HTTP."""
    workers: int = Field(default=1, ge=0)
    """Worker processes; each runs one job of every queue at a time."""
    api_tokens: str = ""
    """Tokens that open the API, as `role:token` separated by commas; roles are viewer, operator and admin."""
    allowed_hosts: str = ""
    """Further names, separated by commas, under which the studio may be reached (the HTTP Host header)."""
    allowed_origins: str = ""
    """Web origins, separated by commas, whose pages may call the API."""
    data_roots: str = ""
    """Folders, separated by colons, from which the API may read files; your home folder if unset, local and without
    tokens."""
    log_level: str = "INFO"
    """Least severe level that is logged."""
    lease_seconds: float = Field(default=15.0, gt=0)
    """How long a job may be silent before others take it for dead, in seconds."""
    idle_unload_seconds: float = Field(default=900.0, gt=0)
    """After how long without use the engine unloads a model, in seconds."""
    max_upload_bytes: int = Field(default=10 * 2**30, gt=0)
    """Largest file that may be uploaded, in bytes."""
    requests_per_minute: int | None = Field(default=None, gt=0)
    """HTTP requests a client may make in a minute; 6,000 locally and 600 elsewhere or with tokens if unset."""
    downloads_per_hour: int | None = Field(default=None, gt=0)
    """Models and data sets a client may add in an hour; 120 locally and 10 elsewhere or with tokens if unset."""
    generations_per_hour: int | None = Field(default=None, gt=0)
    """Generations a client may ask for in an hour; 6,000 locally and 200 elsewhere or with tokens if unset."""

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @property
    def studio_dir(self) -> Path:
        """What only the studio keeps."""
        return self.home / "studio"

    @property
    def postgres_dir(self) -> Path:
        """The embedded server's data."""
        return self.studio_dir / "postgres"

    @property
    def run_dir(self) -> Path:
        """State of the running processes."""
        return self.studio_dir / "run"

    @property
    def logs_dir(self) -> Path:
        """A log a process."""
        return self.studio_dir / "logs"

    @property
    def jobs_dir(self) -> Path:
        """A folder a job: its log and its lock."""
        return self.studio_dir / "jobs"

    @property
    def queue_dir(self) -> Path:
        """The filesystem broker's messages."""
        return self.studio_dir / "queue"

    @property
    def uploads_dir(self) -> Path:
        """Uploaded files."""
        return self.studio_dir / "uploads"

    @property
    def annotations_dir(self) -> Path:
        """Labels, notes and stars: journals from which the database is rebuilt."""
        return self.studio_dir / "annotations"

    @property
    def evaluations_dir(self) -> Path:
        """Results of evaluations, a JSON file each."""
        return self.studio_dir / "evaluations"

    @property
    def derived_dir(self) -> Path:
        """What was worked out of artifacts and can be worked out again: `<id>.json`."""
        return self.studio_dir / "derived"

    @property
    def secret_key_path(self) -> Path:
        """The key that encrypts secrets in the database."""
        return self.studio_dir / "secret.key"

    @property
    def engine_address(self) -> str:
        """Where the engine listens: a socket in the home, or in a folder of its own if that path is too long.

        Raises:
            BadInput: that folder is another user's.
        """
        path = self.run_dir / "engine.sock"
        if len(bytes(path)) > _SOCKET_PATH_BYTES:
            digest = hashlib.sha256(bytes(self.home)).hexdigest()[:16]
            path = Path(f"/tmp/mistudio-{os.getuid()}-{digest}") / "engine.sock"
            _check_owner(path.parent)
        return f"unix:{path}"

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the studio."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @cached_property
    def store(self) -> LocalStore:
        """The artifacts."""
        return LocalStore(self.home)

    @property
    def listens_elsewhere(self) -> bool:
        """Whether other machines can reach the studio."""
        if self.host == "localhost":
            return False
        try:
            return not ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return True

    @property
    def is_shared(self) -> bool:
        """Whether others than this machine's users may reach the studio: by itself, or through a proxy with tokens."""
        return self.listens_elsewhere or bool(self.api_tokens.strip())

    @cached_property
    def tokens(self) -> Mapping[str, Role]:
        """The role of each token.

        Raises:
            BadInput: the list is not of the form `role:token,…`.
        """
        roles = {}
        for entry in filter(None, map(str.strip, self.api_tokens.split(","))):
            role, _, token = entry.partition(":")
            if role.upper() not in Role.__members__ or len(token) < 16:
                raise BadInput(
                    "MISTUDIO_API_TOKENS is not understood.",
                    remedy="Write role:token, with viewer, operator or admin and a token of at least 16 characters.",
                )
            roles[token] = Role[role.upper()]
        return roles

    def readable_roots(self) -> tuple[Path, ...]:
        """Folders from which a request may name files; the store and uploads are always among them."""
        given = [Path(each).expanduser().resolve() for each in self.data_roots.split(":") if each]
        if not given and not self.is_shared:
            given = [Path.home().resolve()]
        return (self.home.resolve(), *given)

    def limit(self, name: str) -> int:
        """A rate limit: `requests_per_minute`, `downloads_per_hour` or `generations_per_hour`."""
        here, elsewhere = _LIMITS[name]
        given: int | None = getattr(self, name)
        return given or (elsewhere if self.is_shared else here)


_LIMITS = {
    "requests_per_minute": (6000, 600),
    "downloads_per_hour": (120, 10),
    "generations_per_hour": (6000, 200),
}


_SECRETS = ("api_tokens", "database_url", "redis_url")


def variable_of(name: str) -> str:
    """The environment variable that decides a setting."""
    alias = Settings.model_fields[name].validation_alias
    return alias if isinstance(alias, str) else f"MISTUDIO_{name.upper()}"


def masked(settings: Settings) -> dict[str, str | int | float | None]:
    """Every setting as it may be shown: of those that hold secrets only whether they are set."""
    return {
        name: "set"
        if value and name in _SECRETS
        else value
        if isinstance(value, str | int | float | None)
        else str(value)
        for name in Settings.model_fields
        for value in [getattr(settings, name)]
    }


def make_private(folder: Path) -> None:
    """Make a folder that nobody but this user may enter; one that is there already stays as it is.

    Raises:
        BadInput: it is another user's.
    """
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_owner(folder)


def _check_owner(folder: Path) -> None:
    """Whoever owns the folder of a socket can put another socket in its place."""
    with suppress(FileNotFoundError):
        if folder.lstat().st_uid not in (os.getuid(), 0):
            raise BadInput(
                f"{folder} is no folder of your own.", remedy="Remove it, or set MISTUDIO_HOME to a shorter path."
            )


def job_environment() -> dict[str, str]:
    """The environment of a job's process: this one without what a job does not need and a model's own code may read.

    It needs the database, and the token of the Hub if one is set here.
    """
    left_out = {variable_of(name) for name in ("api_tokens", "redis_url")}
    return {name: value for name, value in os.environ.items() if name not in left_out}  # noqa: TID251


def load_settings() -> Settings:
    """The settings that the environment gives."""
    return Settings()
