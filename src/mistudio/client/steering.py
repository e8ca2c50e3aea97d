"""Steering: all at once, or token by token."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

from mistudio.client.answers import SteeringEvent, SteeringResult, StrengthSuggestion
from mistudio.client.things import Reference, id_of
from mistudio.client.transport import Transport, error_of_body
from mistudio.errors import StudioUnavailable
from mistudio.steering.config import Edit, GenerateConfig

Edits = Mapping[int, float] | Sequence[Edit]
"""Strengths by latent, which are added, or edits of any kind."""
_EVENT: TypeAdapter[Any] = TypeAdapter(SteeringEvent)


class Steering:
    """Texts with latents turned up and down."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def compare(
        self,
        feature_set: Reference,
        prompts: str | Sequence[str],
        *variants: Edits,
        generate: GenerateConfig | None = None,
        **more: Any,
    ) -> SteeringResult:
        """Continue prompts as the model is, and once under each variant, in one batch.

        Args:
            feature_set: says what a strength of 1 means, and which SAE and model are meant.
            prompts: 1 to 8 texts.
            variants: 1 to 8 ways to steer.
            generate: how to write.
            more: `model_id`, `sae_id`, `other_model`.
        """
        body = _body(feature_set, prompts, variants, generate, more)
        return SteeringResult.model_validate(self._transport.post("/steering/compare", body)["data"])

    def stream(
        self,
        feature_set: Reference,
        prompts: str | Sequence[str],
        *variants: Edits,
        generate: GenerateConfig | None = None,
        **more: Any,
    ) -> Iterator[SteeringEvent]:
        """The same, with every token as it is written; closing the iterator stops the writing.

        Raises:
            MistudioError: what broke it off.
        """
        with self._transport.stream(
            "/steering/generate", _body(feature_set, prompts, variants, generate, more)
        ) as told:
            for line in told.iter_lines():
                if not line.startswith("data: "):
                    continue
                event = json.loads(line.removeprefix("data: "))
                if event["type"] == "error":
                    raise error_of_body(event["error"])
                yield _EVENT.validate_python(event)
                if event["type"] == "done":
                    return
        raise StudioUnavailable("The studio broke off in the middle of a text.", remedy="Ask again.")

    def suggestion(self, feature_set: Reference, latent: int) -> StrengthSuggestion:
        """Strengths to begin with, and why these."""
        answer = self._transport.get("/steering/suggestion", feature_set_id=id_of(feature_set), latent=latent)
        return StrengthSuggestion.model_validate(answer["data"])


def _body(
    feature_set: Reference,
    prompts: str | Sequence[str],
    variants: Sequence[Edits],
    generate: GenerateConfig | None,
    more: Mapping[str, Any],
) -> dict[str, Any]:
    return {
        "feature_set_id": id_of(feature_set),
        "prompts": [prompts] if isinstance(prompts, str) else list(prompts),
        "variants": [{"edits": _edits(each)} for each in variants],
        "generate": (generate or GenerateConfig()).model_dump(mode="json"),
        **more,
    }


def _edits(edits: Edits) -> list[dict[str, Any]]:
    if isinstance(edits, Mapping):
        edits = [Edit(latent=latent, strength=strength) for latent, strength in edits.items()]
    return [edit.model_dump(mode="json") for edit in edits]
