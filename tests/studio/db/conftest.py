from pathlib import Path

import pytest

from mistudio.studio.db import features_load
from mistudio.studio.settings import Settings
from tests.studio.made_up_features import in_session, make_features, row_of


@pytest.fixture(scope="session")
def features_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A features artifact that no test changes."""
    return make_features(tmp_path_factory.mktemp("home"))


@pytest.fixture
def feature_set(settings: Settings, features_path: Path) -> str:
    """The id of a feature set that is loaded."""
    row = row_of(features_path)
    feature_set_id = row.id

    async def write(session):
        session.add(row)
        await session.flush()
        assert await features_load.load(session, feature_set_id, settings.annotations_dir)

    in_session(settings, write)
    return feature_set_id
