import pytest

from mistudio.errors import BadInput, NotFound
from mistudio.studio.engine.confinement import Confinement


@pytest.fixture
def home(tmp_path):
    (tmp_path / "home" / "models" / "tiny").mkdir(parents=True)
    (tmp_path / "elsewhere" / "model").mkdir(parents=True)
    return tmp_path / "home"


def test_a_path_in_the_home_is_found_by_its_whole_or_its_relative_name(home):
    inside = Confinement(home)
    assert inside.check(str(home / "models" / "tiny")) == inside.check("models/tiny") == home / "models" / "tiny"


def test_a_folder_of_artifacts_may_be_on_another_disk(home):
    (home / "saes").symlink_to(home.parent / "elsewhere")
    assert Confinement(home).check(str(home / "saes" / "model")) == home.parent / "elsewhere" / "model"


def test_a_link_in_a_folder_of_artifacts_may_not_lead_out(home):
    (home / "models" / "linked").symlink_to(home.parent / "elsewhere" / "model")
    with pytest.raises(BadInput, match="outside of"):
        Confinement(home).check("models/linked")


def test_a_loop_of_links_is_no_path_or_leads_nowhere(home):
    (home / "models" / "loop").symlink_to(home / "models" / "loop")
    with pytest.raises((BadInput, NotFound)):
        Confinement(home).check("models/loop")


def test_a_removed_artifact_still_has_a_path_to_unload_it_by(home):
    inside = Confinement(home)
    assert inside.resolved("models/gone") == home / "models" / "gone"
    with pytest.raises(NotFound, match="models/gone"):
        inside.check("models/gone")
