import pytest
import torch

from mistudio.errors import ShapeError
from mistudio.language_models.hook_points import HookPoint
from mistudio.language_models.hooks import edit
from mistudio.language_models.unembedding import unembedding
from tests.tiny_models import FAMILIES, tiny_ids, tiny_language_model

CENTRED = {"gpt2", "gpt_neox", "gpt_neox_sequential", "phi", "opt", "falcon", "falcon_new", "falcon_alibi"}


@pytest.fixture(scope="module", params=FAMILIES)
def lm(request):
    return tiny_language_model(request.param)


def test_gain_and_centring_are_the_final_norms_own(lm):
    family, lens = lm.config.source.removeprefix("tiny/"), unembedding(lm)
    assert lens.centred is (family in CENTRED)
    weight = torch.ones(lm.d_model) if lens.norm is None else lens.norm.weight
    torch.testing.assert_close(lens.gain_D, 1 + weight if family.startswith("gemma") else weight, atol=1e-4, rtol=1e-4)


def test_a_direction_adds_to_the_logits_what_the_lens_says(lm):
    """Finite difference on the model itself, with the norm's scale held fixed by undoing its change."""
    lens, last = unembedding(lm), HookPoint.parse("resid_post.3")
    direction = torch.randn(lm.d_model, generator=torch.Generator().manual_seed(5))
    streams: list[torch.Tensor] = []

    def logits(step: float) -> torch.Tensor:
        def add(value: torch.Tensor) -> torch.Tensor:
            streams.append(value + step * direction)
            return streams[-1]

        with torch.inference_mode(), edit(lm, last, add):
            raw = lm.module(tiny_ids(1, 3)).logits[0, -1].double()
        return raw if lens.softcap is None else lens.softcap * torch.atanh(raw / lens.softcap)

    def scale(stream: torch.Tensor) -> torch.Tensor:
        if lens.norm is None:
            return torch.tensor(1.0)
        row = stream[0, -1].double()
        row = row - row.mean() if lens.centred else row
        return (row.pow(2).mean() + 1e-5).sqrt()

    bias = 0.0
    head = lm.module.get_output_embeddings()
    if lens.norm is not None and getattr(lens.norm, "bias", None) is not None:
        bias = bias + head.weight.double() @ lens.norm.bias.double()
    if getattr(head, "bias", None) is not None:
        bias = bias + head.bias.double()
    high, low = logits(0.5), logits(-0.5)
    measured = (high - bias) * scale(streams[0]) - (low - bias) * scale(streams[1])
    expected = lens.logits_of_directions(direction.unsqueeze(0))[0].double()
    torch.testing.assert_close(measured, expected, atol=5e-4, rtol=5e-4)


def test_slices_are_the_whole(lm):
    lens, directions = unembedding(lm), torch.randn(7, lm.d_model)
    parts = list(lens.slices(directions, size=3))
    assert [part.first for part in parts] == [0, 3, 6]
    torch.testing.assert_close(torch.cat([part.logits_FV for part in parts]), lens.logits_of_directions(directions))


def test_directions_of_another_width_are_refused(lm):
    with pytest.raises(ShapeError, match="31 wide"):
        unembedding(lm).logits_of_directions(torch.randn(2, 31))
