import inspect
import subprocess
import sys

import pytest

from mistudio.config import Config
from mistudio.errors import BadInput
from mistudio.language_models.config import ModelConfig
from mistudio.language_models.description import MemoryEstimate, ModelDescription
from mistudio.steering.compare import Comparison, Reading, Written
from mistudio.steering.config import Edit, GenerateConfig, SteeringSpec
from mistudio.studio.engine import calls, messages, wire
from mistudio.studio.engine.generate import COMPILED, generate
from mistudio.studio.engine.messages import GenerateEvent, GenerateRequest, StatusRequest, Step, TokenActivations
from mistudio.studio.engine.wire import decode, encode, message_of

TRAVELLING = [
    value
    for module in (messages, calls)
    for value in vars(module).values()
    if inspect.isclass(value) and issubclass(value, Config) and value is not Config
]
KINDS = sorted({*TRAVELLING, MemoryEstimate, Reading, Written, Edit}, key=lambda kind: kind.__name__)
DECLARED = [value for value in vars(calls).values() if isinstance(value, calls.Call)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_has_the_fields_of_its_class(kind):
    assert [field.name for field in message_of(kind).DESCRIPTOR.fields] == list(kind.model_fields)


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_that_has_a_default_may_be_missing_on_the_wire(kind):
    for field in message_of(kind).DESCRIPTOR.fields:
        assert kind.model_fields[field.name].is_required() or field.has_presence or field.is_repeated, field.name


def test_the_calls_are_those_of_the_schema():
    assert [
        (each.name, each.input_type.name, each.output_type.name, each.server_streaming) for each in wire.calls().methods
    ] == [(call.name, call.request.__name__, call.answer.__name__, call.streams) for call in DECLARED]


def test_the_compiled_schema_is_that_of_engine_proto(tmp_path):
    generate(tmp_path / "engine.binpb")
    assert (tmp_path / "engine.binpb").read_bytes() == COMPILED.read_bytes(), (
        "run `python -m mistudio.studio.engine.generate`"
    )


IDENTITY = {
    "name": "tiny",
    "source": "/home/日本",
    "revision": None,
    "digest": "sha256:0",
    "dtype": "float32",
    "quantize": None,
    "d_model": 32,
    "n_layers": 2**40,
    "vocab_size": 0,
}
ROW = Written(
    prompt=0,
    spec=None,
    text="",
    token_ids=(),
    prompt_ids=(0,),
    tokens_edited=0,
    tokens_massive=0,
    readings=(Reading(latent=0, text=None, steered=None),),
)
COMPARISON = Comparison(
    model=IDENTITY,
    hook="resid_post.1",
    specs=(
        SteeringSpec(
            hook="resid_post.1", edits=(Edit(latent=0, mode="clamp", strength=-0.0), Edit(latent=7, strength=0.1))
        ),
        SteeringSpec(hook="", edits=(Edit(latent=2**40, strength=1e-300),)),
    ),
    max_activation={0: 0.1 + 0.2, 7: 1e300},
    config=GenerateConfig(max_new_tokens=1, temperature=0.7, seed=-5, prepend_bos=False),
    prompts=("", "two\nlines 🎉\x00"),
    rows=(
        ROW,
        ROW.model_copy(update={"spec": 0, "text": "\ufffd", "token_ids": (0, 2**31), "readings": ()}),
        ROW.model_copy(update={"prompt": 1, "readings": (Reading(latent=7, text=0.0, steered=1 / 3),)}),
    ),
    seconds=0.0,
    tokens_per_second=1 / 7,
)


@pytest.mark.parametrize(
    "changes",
    [{}, {"specs": (), "rows": (), "prompts": (), "max_activation": {}}, {"model": IDENTITY | {"revision": "main"}}],
    ids=["full", "empty", "of a revision"],
)
def test_a_comparison_arrives_as_it_left(changes):
    comparison = COMPARISON.model_copy(update=changes)
    assert decode(encode(comparison), Comparison) == comparison
    event = GenerateEvent(finished=comparison)
    assert decode(encode(event), GenerateEvent) == event


def test_what_is_not_there_is_told_from_what_is_empty():
    assert decode(encode(GenerateEvent(step=Step(pieces=()))), GenerateEvent) == GenerateEvent(step=Step(pieces=()))
    token = TokenActivations(token_id=0, text="", excluded=None, values=(), top=())
    assert decode(encode(token), TokenActivations) == token


def test_a_field_that_an_older_client_does_not_know_takes_its_default():
    message = message_of(GenerateRequest)()
    message.model.source = "somewhere"
    found = decode(message.SerializeToString(), GenerateRequest)
    assert found.config == GenerateConfig()
    assert found.model == ModelConfig(source="somewhere")
    assert found.features is None


def test_a_field_that_a_newer_client_knows_is_passed_over():
    assert decode(encode(ModelDescription.model_construct(name="new")), StatusRequest) == StatusRequest()


def test_what_cannot_travel_is_refused_in_a_sentence():
    with pytest.raises(BadInput, match="surrogates not allowed"):
        encode(messages.ActivationsRequest(model=ModelConfig(source="m"), sae="s", text="\ud800"))
    with pytest.raises(BadInput, match="engine cannot be asked"):
        encode(messages.RoomRequest(bytes=2**70))
    with pytest.raises(BadInput, match="no GenerateRequest"):
        decode(b"\xff\xff", GenerateRequest)


def test_a_value_outside_its_range_is_named():
    bad = GenerateConfig.model_construct(top_p=7.0)
    with pytest.raises(BadInput, match=r"top_p: Input should be less than or equal to 1\."):
        decode(encode(bad), GenerateConfig)


@pytest.mark.parametrize("module", ["server", "client"])
def test_neither_the_server_nor_the_client_loads_torch_or_transformers(module):
    code = (
        f"import mistudio.studio.engine.{module}, sys; print({{'torch', 'transformers', 'pyarrow'}} & {{*sys.modules}})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
