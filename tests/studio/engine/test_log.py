import json
import logging

from mistudio.studio.engine.client import EngineClient
from mistudio.studio.logs import belong_to_request


def test_every_line_of_the_engine_is_an_object_and_a_call_names_its_request(own_engine):
    engine = own_engine()

    async def ask(client: EngineClient):
        await client.status()
        await client.unload()
        belong_to_request("req_0123456789abcdef")
        await client.unload()

    engine.ask(ask)
    lines = [json.loads(line) for line in engine.log.splitlines()]
    assert "The engine answers at" in lines[0]["event"]
    assert [line.get("request_id") for line in lines if line["event"] == "call"] == [None, "req_0123456789abcdef"]
    assert {line["level"] for line in lines} == {logging.getLevelName(logging.INFO).lower()}


def test_why_an_engine_does_not_start_is_said_in_one_line(own_engine):
    first = own_engine()
    first.ask(lambda client: client.status())
    second = own_engine()
    assert second.process.wait(20) == 2
    last = json.loads(second.log.splitlines()[-1])
    assert (last["level"], last["event"].startswith("Another engine answers at")) == ("error", True)
