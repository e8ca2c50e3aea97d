import asyncio
import subprocess
import sys

import pytest
import torch

from mistudio.errors import BadInput
from mistudio.features.pages import Features
from mistudio.language_models.hook_points import HookPoint
from mistudio.language_models.loading import load_model
from mistudio.language_models.partial_forward import run_until
from mistudio.sae.native_file import load_sae
from mistudio.steering.config import Edit, GenerateConfig, SteeringSpec
from mistudio.steering.steer import encode_prompt, steer
from mistudio.studio.engine.messages import ActivationsRequest
from tests.studio.engine.conftest import ADD, CLAMP, HOOK, PROMPTS, UNITS, F, until, write_sae


@pytest.fixture(scope="module")
def lm(model):
    return load_model(model)


@pytest.fixture(scope="module")
def sae(home):
    return load_sae(home / "saes" / "sae")


def events_of(engine, request):
    async def collect(client):
        async with client.generate(request) as events:
            return [event async for event in events]

    return engine.ask(collect)


@pytest.fixture(scope="module")
def streamed(engine, request_of):
    return events_of(engine, request_of(max_new_tokens=40))


def without_times(comparison):
    return comparison.model_copy(update={"seconds": 0.0, "tokens_per_second": 0.0})


def test_what_is_streamed_is_exactly_what_the_library_writes(streamed, lm, sae):
    expected = steer(lm, sae, (ADD, CLAMP), PROMPTS, GenerateConfig(max_new_tokens=40), max_activation=UNITS)
    finished = streamed[-1].finished
    assert without_times(finished) == without_times(expected)
    assert finished.tokens_per_second > 0
    told = [piece for event in streamed if event.step for piece in event.step.pieces]
    for number, row in enumerate(expected.rows):
        mine = [piece for piece in told if piece.row == number]
        assert tuple(piece.token_id for piece in mine if piece.token_id is not None) == row.token_ids
        assert "".join(piece.text for piece in mine if not piece.special) == row.text


def test_tokens_come_one_by_one_and_the_rows_are_announced_before(streamed):
    kinds = [next(name for name, value in event if value is not None) for event in streamed]
    begin = kinds.index("started")
    assert kinds[begin:] == ["started", *["step"] * (len(kinds) - begin - 2), "finished"]
    assert kinds.count("step") >= 40
    assert [(row.prompt, row.spec) for row in streamed[begin].started.rows] == [
        (prompt, spec) for prompt in (0, 1) for spec in (None, 0, 1)
    ]


def test_what_must_be_loaded_first_is_told(engine, request_of, home):
    write_sae(home / "saes" / "fresh")
    request = request_of(sae=str(home / "saes" / "fresh"))
    assert [event.loading.path for event in events_of(engine, request) if event.loading] == [request.sae]
    assert not [event for event in events_of(engine, request) if event.loading]


def test_requests_that_come_while_a_model_is_loading_wait_and_it_is_loaded_once(engine, request_of, model, home):
    other = model.model_copy(update={"source": str(home / "models" / "other")})

    async def ask(client):
        await client.unload(other.source)
        request = request_of(max_new_tokens=3, model=other, other_model=True)
        comparisons = await asyncio.gather(*(client.compare(request) for _ in range(4)))
        return comparisons, [item.path for item in (await client.status()).loaded]

    comparisons, loaded = engine.ask(ask)
    assert all(each.rows == comparisons[0].rows for each in comparisons)
    assert loaded.count(other.source) == 1


def test_characters_that_are_spread_over_tokens_come_whole_and_none_is_lost(engine, request_of):
    # A random model of bytes writes hardly anything that is UTF-8, which is the hardest case.
    request = request_of(max_new_tokens=200, config=GenerateConfig(max_new_tokens=200, temperature=1.0, seed=3))
    events = events_of(engine, request)
    for number, row in enumerate(events[-1].finished.rows):
        pieces = [piece for event in events if event.step for piece in event.step.pieces if piece.row == number]
        assert "".join(piece.text for piece in pieces if not piece.special) == row.text
        assert any(piece.text == "" for piece in pieces)


def test_the_strengths_units_are_taken_from_the_features(engine, home, request_of):
    features = home / "features" / "found"
    units = Features.open(features, decode=lambda ids: [""] * len(ids)).statistics.max
    latent = int(units.argmax())
    spec = SteeringSpec(hook=HOOK, edits=(Edit(latent=latent, strength=1.0),))
    request = request_of(specs=(spec,), features=str(features), max_activation={})
    assert engine.ask(lambda client: client.compare(request)).max_activation == {latent: float(units[latent])}


def test_writing_is_not_disturbed_by_models_that_are_built_at_the_same_time(engine, home, request_of, model):
    # While transformers builds a model, torch's default dtype is that model's, in all threads.
    half = model.model_copy(update={"source": str(home / "models" / "half")})

    async def both(client):
        writing = asyncio.gather(*(client.compare(request_of(max_new_tokens=1)) for _ in range(40)))
        while not writing.done():
            await client.describe(half)
        await client.load(half)
        return await writing

    alone = engine.ask(lambda client: client.compare(request_of(max_new_tokens=1)))
    assert {without_times(each).model_dump_json() for each in engine.ask(both)} == {
        without_times(alone).model_dump_json()
    }


def test_a_model_is_loaded_while_another_writes_and_not_only_after_it(engine, home, request_of, model):
    other = model.model_copy(update={"source": str(home / "models" / "other")})

    async def both(client):
        writing = asyncio.create_task(client.compare(request_of(max_new_tokens=2000)))
        await until(lambda: is_running(client))
        await client.load(other)
        assert not writing.done()
        writing.cancel()
        await asyncio.wait([writing])

    engine.ask(both)


async def is_running(client):
    return (await client.status()).running > 0


async def is_quiet(client):
    return (await client.status()).running == 0


def test_a_client_that_goes_away_stops_the_writing_within_a_token(engine, request_of):
    long = request_of(max_new_tokens=4000)

    async def leave_after_three_steps(client):
        async with client.generate(long) as events:
            steps = 0
            async for event in events:
                steps += event.step is not None
                if steps == 3:
                    break
        return await until(lambda: is_quiet(client))

    assert engine.ask(leave_after_three_steps) < 0.5


def test_a_client_that_is_cut_off_stops_the_writing_and_the_next_has_its_turn(engine, request_of):
    async def cut_off(client):
        writing = asyncio.create_task(client.compare(request_of(max_new_tokens=4000)))
        await until(lambda: is_running(client))
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        return await asyncio.wait_for(client.compare(request_of(max_new_tokens=2)), 5)

    assert len(engine.ask(cut_off).rows) == 6


def test_a_client_that_is_killed_stops_the_writing(engine, request_of, tmp_path):
    (tmp_path / "request.json").write_text(request_of(max_new_tokens=4000).model_dump_json())
    code = f"""
import asyncio
from pathlib import Path
from mistudio.studio.engine.client import EngineClient
from mistudio.studio.engine.messages import GenerateRequest
request = GenerateRequest.model_validate_json(Path({str(tmp_path / "request.json")!r}).read_text())
asyncio.run(EngineClient({engine.address!r}).compare(request))
"""

    async def kill(client):
        writer = subprocess.Popen([sys.executable, "-c", code])
        await until(lambda: is_running(client))
        writer.kill()
        writer.wait()
        return await until(lambda: is_quiet(client))

    assert engine.ask(kill) < 1


def test_two_clients_take_turns_however_much_one_asks_for(engine, request_of):
    order = []

    async def write(client, name, tokens):
        await client.compare(request_of(max_new_tokens=tokens), client=name)
        order.append(name)

    async def ask(client):
        first = asyncio.create_task(write(client, "many", 100))
        await until(lambda: is_running(client))
        many = [asyncio.create_task(write(client, "many", 3)) for _ in range(5)]
        await until(lambda: is_waiting(client, 5))
        await write(client, "one", 3)
        await asyncio.gather(first, *many)

    engine.ask(ask)
    assert order == ["many", "one", "many", "many", "many", "many", "many"]


async def is_waiting(client, number):
    return (await client.status()).waiting == number


def test_who_must_wait_is_told_how_many_come_first(engine, request_of):
    async def ask(client):
        first = asyncio.create_task(client.compare(request_of(max_new_tokens=100), client="a"))
        await until(lambda: is_running(client))
        async with client.generate(request_of(max_new_tokens=2), client="b") as events:
            ahead = [event.waiting.ahead async for event in events if event.waiting]
        await first
        return ahead

    assert engine.ask(ask) == [1]


def looked_at(engine, home, model, text, **options):
    sae = options.pop("sae", str(home / "saes" / "sae"))
    request = ActivationsRequest(model=model, sae=sae, text=text, **options)
    return engine.ask(lambda client: client.activations(request))


def test_activations_are_the_librarys(engine, home, model, lm, sae):
    text = "the law 🎉 of the people"
    found = looked_at(engine, home, model, text, latents=(5, 0, 95), top=4)
    ids = encode_prompt(lm, text, GenerateConfig())
    point = HookPoint.parse(HOOK)
    acts_BF = sae.encode(run_until(lm, torch.tensor([ids]), [point])[point][0].float())
    assert [token.token_id for token in found.tokens] == ids
    assert "".join(token.text for token in found.tokens[1:]) == text
    assert found.tokens[0].excluded == "special"
    assert found.tokens[0].top == ()
    for token, acts_F in zip(found.tokens[1:], acts_BF[1:], strict=True):
        assert token.excluded is None
        torch.testing.assert_close(torch.tensor(token.values), acts_F[[5, 0, 95]])
        values, latents = acts_F.sort(descending=True, stable=True)
        assert [each.latent for each in token.top] == latents[:4].tolist()
        torch.testing.assert_close(torch.tensor([each.value for each in token.top]), values[:4])


def test_the_token_filter_of_the_sae_decides_which_tokens_have_no_activations(engine, home, model, lm, sae):
    text = "the law of the people"
    ids = encode_prompt(lm, text, GenerateConfig())
    point = HookPoint.parse(HOOK)
    norms = run_until(lm, torch.tensor([ids]), [point])[point][0].norm(dim=1)[1:]
    limit = float(norms.median())
    rule = {"special_ids": [0], "max_norm": limit, "median_norm": limit / 2, "multiple": 2.0}
    write_sae(home / "saes" / "filtered", token_filter=rule)
    found = looked_at(engine, home, model, text, sae=str(home / "saes" / "filtered"), latents=(5,))
    assert [token.excluded for token in found.tokens] == [
        "special",
        *("massive" if norm > limit else None for norm in norms),
    ]
    assert all((token.values == ()) == (token.excluded is not None) for token in found.tokens)


def test_a_latent_that_does_not_exist_is_named(engine, home, model):
    with pytest.raises(BadInput, match=f"no latent {F}") as failure:
        looked_at(engine, home, model, "the law", latents=(F,))
    assert failure.value.remedy == f"Choose a latent from 0 to {F - 1}."
