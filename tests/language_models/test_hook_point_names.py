import pytest

from mistudio.errors import BadInput
from mistudio.language_models.hook_points import HookPoint, HookSite


@pytest.mark.parametrize("site", list(HookSite))
def test_a_hook_point_is_read_back_from_its_name(site):
    assert HookPoint.parse(str(HookPoint(site, 15))) == HookPoint(site, 15)


def test_the_name_is_site_and_layer():
    assert str(HookPoint(HookSite.RESID_POST, 15)) == "resid_post.15"


@pytest.mark.parametrize(
    "text",
    ["", "resid_post", "resid_post.", "resid_post.-1", "hidden.3", "resid_post.1.2", "blocks.3.resid", "resid_post.٣"],
)
def test_nonsense_is_refused_and_the_sites_are_listed(text):
    with pytest.raises(BadInput) as caught:
        HookPoint.parse(text)
    assert repr(text) in caught.value.message
    assert "mlp_out" in caught.value.remedy
