import asyncio
import json
import shutil

import pytest

from mistudio.errors import (
    ArtifactBroken,
    BadInput,
    EngineUnavailable,
    HookMissing,
    MistudioError,
    NotEnoughMemory,
    NotFound,
    ShapeError,
)
from mistudio.language_models.config import ModelConfig
from mistudio.steering.config import Edit, SteeringSpec
from mistudio.studio.engine.client import EngineClient
from tests.studio.engine.conftest import HOOK, F, write_sae


def refused(engine, request) -> MistudioError:
    """The error that a request to write meets; the engine goes on."""
    with pytest.raises(MistudioError) as failure:
        engine.ask(lambda client: client.compare(request))
    assert failure.value.remedy.endswith(".")
    assert engine.ask(lambda client: client.status()).running == 0
    return failure.value


@pytest.mark.parametrize("where", ["/etc", "../{home}x", "models/../../saes", "\0"])
def test_a_path_outside_of_the_home_is_refused(engine, home, request_of, where):
    error = refused(engine, request_of(sae=where.format(home=home.name)))
    assert type(error) is BadInput
    assert "outside of" in error.message or "not a path" in error.message


def test_a_link_that_leads_out_of_the_home_is_refused(engine, home, request_of, tmp_path):
    write_sae(tmp_path / "elsewhere")
    (home / "saes" / "linked").symlink_to(tmp_path / "elsewhere")
    assert "outside of" in refused(engine, request_of(sae=str(home / "saes" / "linked"))).message


def test_what_is_not_there_is_named(engine, home, request_of):
    error = refused(engine, request_of(sae=str(home / "saes" / "none")))
    assert type(error) is NotFound
    assert "saes/none" in error.message


def test_a_model_that_is_none_is_refused_as_the_library_does(engine, home, request_of, model):
    request = request_of(model=model.model_copy(update={"source": str(home / "saes" / "sae")}))
    assert "kind sae, and model is wanted" in refused(engine, request).message


def test_a_broken_sae_file_is_named_and_a_mended_one_is_read_again(engine, home, request_of):
    path = home / "saes" / "broken"
    write_sae(path)
    weights = path / "sae_weights.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-100])
    error = refused(engine, request_of(sae=str(path)))
    assert type(error) is ArtifactBroken
    assert "sae_weights.safetensors" in error.message
    weights.write_bytes(whole)
    assert engine.ask(lambda client: client.compare(request_of(sae=str(path)))).hook == HOOK


def test_an_unknown_latent_is_named(engine, request_of):
    spec = SteeringSpec(hook=HOOK, edits=(Edit(latent=F, strength=1.0),))
    error = refused(engine, request_of(specs=(spec,), max_activation={F: 1.0}))
    assert (type(error), error.status) == (BadInput, 422)
    assert error.remedy == f"Choose a latent from 0 to {F - 1}."


def test_an_sae_of_another_model_is_refused_unless_that_is_meant(engine, home, request_of):
    path = home / "saes" / "of_another"
    write_sae(path, model_name="someone/gpt2")
    error = refused(engine, request_of(sae=str(path)))
    assert error.message == "of_another was trained on someone/gpt2, and this model is tiny."
    assert "someone/gpt2" in error.remedy
    assert engine.ask(lambda client: client.compare(request_of(sae=str(path), other_model=True))).hook == HOOK


def test_an_sae_that_does_not_fit_the_model_is_refused(engine, home, request_of):
    write_sae(home / "saes" / "narrow", d_in=16)
    assert type(refused(engine, request_of(sae=str(home / "saes" / "narrow")))) is ShapeError
    write_sae(home / "saes" / "deep", hook="resid_post.40")
    spec = SteeringSpec(hook="resid_post.40", edits=(Edit(latent=1, strength=1.0),))
    assert type(refused(engine, request_of(sae=str(home / "saes" / "deep"), specs=(spec,)))) is HookMissing


def test_features_of_another_sae_are_refused(engine, home, request_of):
    write_sae(home / "saes" / "second", seed=9)
    found = str(home / "features" / "found")
    error = refused(engine, request_of(sae=str(home / "saes" / "second"), features=found))
    assert error.message == "found has the features of another SAE than second."


def test_code_that_comes_with_a_model_is_never_run(engine, request_of, model):
    trusting = model.model_copy(update={"trust_remote_code": True})
    assert "runs no code" in refused(engine, request_of(model=trusting)).message
    with pytest.raises(BadInput, match="runs no code"):
        engine.ask(lambda client: client.describe(trusting))


def test_a_prompt_longer_than_the_model_can_read_is_refused(engine, request_of):
    assert "4,096 tokens" in refused(engine, request_of(prompts=("the " * 5000,))).message


def test_text_that_is_no_unicode_is_refused_by_the_client(engine, request_of):
    assert "surrogates" in refused(engine, request_of(prompts=("\ud800",))).message


def test_a_device_that_is_not_there_is_refused(engine, request_of, model):
    error = refused(engine, request_of(model=model.model_copy(update={"device": "cuda:7"})))
    assert error.message == "There is no device 'cuda:7' here."


def test_a_model_that_cannot_fit_is_refused_before_it_is_read(engine, home, model, request_of):
    shutil.copytree(home / "made" / "tiny", home / "made" / "vast")
    config = json.loads((home / "made" / "vast" / "config.json").read_text())
    vast = config | {"hidden_size": 2**18, "num_hidden_layers": 100}
    (home / "made" / "vast" / "config.json").write_text(json.dumps(vast))
    error = refused(engine, request_of(model=model.model_copy(update={"source": str(home / "made" / "vast")})))
    assert (type(error), error.status) == (NotEnoughMemory, 503)
    assert "GB on cpu" in error.message


def test_a_batch_that_cannot_fit_is_refused_before_it_is_run(engine, request_of):
    error = refused(engine, request_of(max_new_tokens=4000, prompts=("the law",) * 20_000))
    assert type(error) is NotEnoughMemory
    assert error.message.startswith("This batch needs about")


def test_a_value_that_no_client_should_send_is_named_by_the_engine(engine):
    nothing = ModelConfig.model_construct(source="", dtype="auto", device="cpu", quantize=None, trust_remote_code=False)
    with pytest.raises(BadInput, match="source: String should have at least 1 character"):
        engine.ask(lambda client: client.describe(nothing))


def test_no_engine_is_an_error_of_its_own(tmp_path):
    async def ask():
        async with EngineClient(f"unix:{tmp_path / 'none.sock'}", connect_seconds=0.2) as client:
            await client.status()

    with pytest.raises(EngineUnavailable, match="No engine answers at unix:") as failure:
        asyncio.run(ask())
    assert failure.value.status == 503
    assert "mistudio up" in failure.value.remedy
