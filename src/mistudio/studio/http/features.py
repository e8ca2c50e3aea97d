"""Features as the API shows them: sets, rows of the table, the page of one latent, its passages, a tried text."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field

from mistudio.config import Config
from mistudio.studio.http.measured import Measured
from mistudio.studio.http.references import Ref
from mistudio.studio.http.schemas import ApiModel, Page, Pagination


class FeatureSetOut(ApiModel):
    """What activates every latent of one SAE on one text."""

    id: str
    name: str
    bytes: int
    sae: Ref | None
    """Null where it is gone."""
    model: Ref | None
    tokenization: Ref | None
    hook: str
    """Hook point of the SAE."""
    tokens: int
    """Tokens of the text that were encoded."""
    latents: int
    alive: int
    """Latents that are active on at least one token."""
    loaded: bool
    """Whether its table can be sorted and searched by now."""
    created_at: datetime
    job_id: str | None


class Histogram(ApiModel):
    """How often which values occur."""

    edges: list[float]
    """One more than there are counts; a bin holds its upper edge."""
    counts: list[int]


class FeatureSetDetail(FeatureSetOut):
    """A feature set with what stands above its table."""

    labelled: int
    """Features that have a label."""
    starred: int
    log_density: Histogram
    """Of the living latents: log10 of the share of tokens on which each is active."""
    max_activation: float
    """The largest activation of any latent."""
    lens: str | None
    """How the promoted and suppressed tokens were computed, or why not; null where nobody asked."""
    excluded: str
    """Tokens that were not encoded, in words."""
    manifest: dict[str, Any]


class FeatureOut(ApiModel):
    """A row of the table."""

    latent: int
    """Number of the latent in the SAE."""
    label: str | None
    notes: str | None
    starred: bool
    score: float | None
    """Of the label's explanation, 0 to 1."""
    density: float
    """Share of the encoded tokens on which it is active."""
    count: int
    """Tokens on which it is active; a latent of count 0 is dead."""
    max: float
    """Largest activation."""
    mean: float
    """Mean over the tokens on which it is active."""
    documents: int
    """Distinct documents among its 32 strongest activations."""
    interest: float
    """How well it suits a first look, 0 to 4: a heuristic that only orders latents."""
    top_tokens: list[str]
    """Texts of the tokens with the largest sums of activations, largest first."""
    updated_at: datetime | None
    """When label, notes or star were last changed."""


class FeaturePagination(Pagination):
    """Which part of the table this is."""

    estimated: bool
    """Whether `total` is a lower bound: more match the search than are counted."""


class FeatureList(Page[FeatureOut]):
    """Some rows of the table."""

    pagination: FeaturePagination


class TokenLogit(ApiModel):
    """A token that the latent makes more or less likely."""

    text: str
    logit: float
    """How much one unit of the latent's direction adds to the token's logit."""


class LogitLensOut(ApiModel):
    """Tokens that the latent promotes and suppresses, as far as its decoder row alone can tell."""

    promoted: list[TokenLogit]
    """Largest logit first; empty where no lens was made."""
    suppressed: list[TokenLogit]
    """Smallest logit first."""
    statement: str | None
    """How it was computed, or why not; null where nobody asked."""


class SuggestedSteering(ApiModel):
    """A first try at steering with this latent."""

    strength: float | None
    """In units of the largest activation; null for a dead latent, which has no unit."""
    max_activation: float
    """What a strength of 1 adds, as a multiple of the decoder row."""
    reason: str


class Neighbours(ApiModel):
    """The features before and after this one in the table as it was sorted and filtered."""

    previous: int | None
    next: int | None


class FeaturePage(ApiModel):
    """All about one latent but its passages, which `examples` has."""

    feature_set: FeatureSetOut
    feature: FeatureOut
    statistics: list[Measured]
    """Without those that a dead latent does not have."""
    histogram: Histogram
    """Of its activations above 0."""
    lens: LogitLensOut
    steering: SuggestedSteering
    neighbours: Neighbours
    permalink: str
    """Path of its page in the studio."""


class Width(ApiModel):
    """How much of a passage is shown."""

    name: Literal["stacked", "snippet", "full"]
    title: str
    reach: int | None
    """Tokens on each side of the peak: show tokens[max(0, peak - reach) : peak + reach + 1]; null shows all."""


class Passage(ApiModel):
    """A piece of text in which the latent is active. `tokens` and `activations` are of one length."""

    document: str
    """Its name."""
    document_number: int
    """Its number in the data set."""
    position: int
    """Place of the first token in the tokenized text."""
    tokens: list[str]
    """The pieces joined are the text; a character spread over several tokens stands at the last of them."""
    activations: list[float]
    """0 where the latent is not active."""
    peak: int
    """Place of the strongest token of its surroundings in `tokens`."""
    excluded: list[int]
    """Places of tokens that were not encoded, whose activation nobody knows."""


class PassageGroup(ApiModel):
    """Passages of like strength, strongest first."""

    name: str
    """`top`, or `interval 1 of 5` and so on."""
    title: str
    low: float
    """Weakest peak of the interval; of the top group, the weakest shown."""
    high: float
    passages: int
    """Peaks in the interval; of the top group, all peaks."""
    share: float
    """The same as a share of all peaks."""
    contexts: list[Passage]


class Examples(ApiModel):
    """Passages of one latent. Every passage comes at its full width once; `widths` says how to cut it."""

    latent: int
    max: float
    """Largest activation of the latent: the scale of all colours."""
    widths: list[Width]
    groups: list[PassageGroup]
    """Empty for a dead latent."""


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("the character NUL cannot be stored")
    return text


Text = Annotated[str, AfterValidator(_storable)]


class FeatureChange(Config):
    """What is to be said of a feature; what is not given stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"label": "dates and years", "starred": True}]})

    label: Annotated[Text, Field(max_length=500)] | None = None
    """Null removes it."""
    notes: Annotated[Text, Field(max_length=20_000)] | None = None
    """Null removes them."""
    starred: bool = False


class TextToTry(Config):
    """A text to try a latent on."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": "The treaty was signed in 1848."}]})

    text: str = Field(min_length=1, max_length=20_000)


class TriedToken(ApiModel):
    """One token of a tried text."""

    text: str
    activation: float | None
    """Null where the token is excluded."""
    excluded: Literal["special", "massive"] | None
    """Why the SAE says nothing of it."""


class TriedText(ApiModel):
    """How active one latent is on a text."""

    latent: int
    tokens: list[TriedToken]
    max: float
    """Largest activation on this text."""
    max_activation: float
    """Largest activation on the text that the features were found in: the scale of the colours."""
