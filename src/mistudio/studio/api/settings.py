"""Settings: those that can be changed here, and those that the environment decides, to be read."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import ConfigDict, Field, SecretStr, field_validator

from mistudio.config import Config
from mistudio.studio.db import options
from mistudio.studio.db.embedded import EmbeddedPostgres
from mistudio.studio.http.dependencies import Studio, Transaction
from mistudio.studio.http.schemas import ApiModel, Data
from mistudio.studio.settings import Settings, masked, variable_of

router = APIRouter(prefix="/settings", tags=["settings"])


_HUB_TOKEN = re.compile(r"(hf|api_org)_[A-Za-z0-9]{13,}")


class SettingsChange(Config):
    """What is to change; what is not given stays, and null forgets."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"hf_token": None}]})

    hf_token: SecretStr | None = Field(default=None, max_length=512)
    """Token of the Hugging Face hub, `hf_…`, for models and data sets that are not public."""

    @field_validator("hf_token")
    @classmethod
    def _is_a_token(cls, given: SecretStr | None) -> SecretStr | None:
        if given is not None and not _HUB_TOKEN.fullmatch(given.get_secret_value()):
            raise ValueError("a token of the Hub begins with hf_ and goes on with letters and digits")
        return given


class SecretOut(ApiModel):
    """A secret, as far as it may be shown."""

    is_set: bool
    hint: str | None
    """Its last characters, if it is long enough not to be told by them."""
    updated_at: datetime | None


class EnvironmentSetting(ApiModel):
    """A setting that only the environment of `mistudio up` can change."""

    name: str
    variable: str
    """Environment variable."""
    value: Any
    """Secrets are masked."""
    default: Any
    description: str


class SettingsOut(ApiModel):
    """All settings."""

    hf_token: SecretOut
    """Token of the Hugging Face hub."""
    environment: list[EnvironmentSetting]


@router.get("")
async def get_settings(studio: Studio, transaction: Transaction) -> Data[SettingsOut]:
    """All settings; secrets are masked."""
    stored = (await options.get_all(transaction.session)).get("hf_token")
    token = SecretOut(
        is_set=stored is not None,
        hint=stored.value if stored else None,
        updated_at=stored.updated_at if stored else None,
    )
    return Data(data=SettingsOut(hf_token=token, environment=environment(studio.settings)))


@router.patch("")
async def change_settings(change: SettingsChange, studio: Studio, transaction: Transaction) -> Data[SettingsOut]:
    """Change settings. They take effect at once, also in jobs that wait."""
    if "hf_token" in change.model_fields_set:
        if change.hf_token is None:
            await options.remove(transaction.session, "hf_token")
        else:
            await options.put_secret(
                transaction.session, studio.settings, "hf_token", change.hf_token.get_secret_value()
            )
    return await get_settings(studio, transaction)


def environment(settings: Settings) -> list[EnvironmentSetting]:
    """What the environment decides, secrets masked."""
    shown, defaults = masked(settings), masked(Settings.model_construct())
    if settings.database_url == EmbeddedPostgres(settings.postgres_dir).url:  # which the launcher names, not the user
        shown["database_url"] = None
    return [
        EnvironmentSetting(
            name=name,
            variable=variable_of(name),
            value=shown[name],
            default=defaults[name],
            description=" ".join((field.description or "").split()),
        )
        for name, field in Settings.model_fields.items()
    ]
