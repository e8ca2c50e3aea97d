"""The client. See `Client`."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from mistudio.client.answers import Dataset, FeatureSet, Model, Recording, Sae, Tokenization, Training
from mistudio.client.jobs import Jobs
from mistudio.client.road import Datasets, FeatureSets, Models, Recordings, Saes, Trainings
from mistudio.client.steering import Steering
from mistudio.client.system import System, Templates
from mistudio.client.things import Things
from mistudio.client.transport import Transport


class Client:
    """A studio that runs somewhere, and all that can be asked of it.

        with mistudio.Client() as studio:
            dataset = studio.datasets.add("~/texts").wait()
            for event in studio.steering.stream("my-features", "Once there was", {1234: 2.0}):
                ...

    Errors come back as the classes that the library raises, with message and remedy. What could not be delivered, or
    could be done a moment later, is asked again for `retry_seconds`.

    Args:
        url: of the studio.
        token: for a studio that wants one.
        timeout: seconds that one answer may take; waiting for a job takes as long as the job.
        retry_seconds: how long a request is tried again; 0 tries once.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        token: str | None = None,
        timeout: float = 60.0,
        retry_seconds: float = 10.0,
    ) -> None:
        transport = self._transport = Transport(url, token, timeout, retry_seconds)
        jobs = self.jobs = Jobs(transport)
        self.datasets = Datasets(transport, jobs, "/datasets", Dataset)
        self.tokenizations = Things(transport, jobs, "/tokenizations", Tokenization)
        self.models = Models(transport, jobs, "/models", Model)
        self.recordings = Recordings(transport, jobs, "/recordings", Recording)
        self.trainings = Trainings(transport, jobs, "/trainings", Training)
        self.saes = Saes(transport, jobs, "/saes", Sae)
        self.feature_sets = FeatureSets(transport, jobs, "/feature-sets", FeatureSet)
        self.steering = Steering(transport)
        self.templates = Templates(transport)
        self.system = System(transport)

    def road(self) -> dict[str, Any]:
        """What there is at each step of the road, and what to do next."""
        found: dict[str, Any] = self._transport.get("/road")["data"]
        return found

    def close(self) -> None:
        """Hang up."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self._transport.url!r})"
