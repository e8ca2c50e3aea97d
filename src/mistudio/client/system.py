"""The studio itself: its machine, its health, its store, its templates."""

from __future__ import annotations

from typing import Any

from mistudio.client.answers import Template
from mistudio.client.listing import Pages
from mistudio.client.transport import Transport


class System:
    """The machine and the studio's processes."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def info(self) -> dict[str, Any]:
        """Version, machine, home, database and queue."""
        return self._read("/system/info")

    def metrics(self) -> dict[str, Any]:
        """Processors, memory, disk and GPUs now."""
        return self._read("/system/metrics")

    def history(self, minutes: int = 60) -> dict[str, Any]:
        """The same over the last minutes, in columns."""
        return self._read("/system/history", minutes=minutes)

    def health(self) -> dict[str, Any]:
        """Whether each part of the studio works."""
        return self._read("/health")

    def engine(self) -> dict[str, Any]:
        """Which models and SAEs are in memory."""
        return self._read("/engine")

    def index_store(self) -> dict[str, Any]:
        """Look at the store again: what the command line made appears."""
        found: dict[str, Any] = self._transport.post("/store/index")["data"]
        return found

    def _read(self, path: str, **query: Any) -> dict[str, Any]:
        found: dict[str, Any] = self._transport.get(path, **query)["data"]
        return found


class Templates:
    """Named configurations, of four kinds: training, extraction, steering, prompt."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, kind: str | None = None, *, search: str | None = None) -> Pages[Template]:
        """All of them, or those of a kind."""
        return Pages(self._transport, "/templates", Template, {"kind": kind, "search": search})

    def get(self, template: str) -> Template:
        """One, by id."""
        return Template.model_validate(self._transport.get(f"/templates/{template}")["data"])

    def add(self, kind: str, name: str, config: dict[str, Any], **more: Any) -> Template:
        """Keep a configuration under a name."""
        body = {"kind": kind, "name": name, "config": config, **more}
        return Template.model_validate(self._transport.post("/templates", body)["data"])

    def replace(self, template: str, kind: str, name: str, config: dict[str, Any], **more: Any) -> Template:
        """Put another one in its place."""
        body = {"kind": kind, "name": name, "config": config, **more}
        return Template.model_validate(self._transport.put(f"/templates/{template}", body)["data"])

    def delete(self, template: str) -> None:
        """Remove one."""
        self._transport.delete(f"/templates/{template}")
