import itertools

import numpy as np
import pytest
from pydantic import ValidationError

from mistudio.evaluation.config import SYNTHETIC_SMALL, SyntheticConfig
from mistudio.evaluation.synthetic.forest import chance_to_win, grow, zipf


def config_of(**options):
    return SyntheticConfig(**({"features": 20, "d_in": 8, "roots": 2, "branching": 2, "depth": 2} | options))


def test_frequencies_fall_by_zipfs_law_from_p_max_to_p_min():
    # r^-1 of ranks 1 to 4 is 1, 1/2, 1/3, 1/4: of the way from 1/4 to 1 that is 1, 1/3, 1/9, 0.
    found = zipf(SyntheticConfig(features=4, zipf_exponent=1.0, p_max=0.9, p_min=0.18, roots=0))
    assert found == pytest.approx([0.9, 0.18 + 0.72 / 3, 0.18 + 0.72 / 9, 0.18])
    assert zipf(SyntheticConfig(features=1, roots=0)).tolist() == [0.4]


def test_trees_are_laid_out_level_by_level():
    forest = grow(config_of())
    assert forest.levels == (0, 2, 6, 14)
    assert (
        forest.parent_G.tolist() == [-1, -1, 0, 0, 1, 1, *(each for each in (2, 3, 4, 5) for _ in range(2))] + [-1] * 6
    )
    assert forest.children(np.array([1, 0]), 0).tolist() == [[4, 5], [2, 3]]
    assert forest.children(np.array([5]), 1).tolist() == [[12, 13]]


def test_the_chance_to_win_is_that_of_all_outcomes_counted_one_by_one():
    proposed = np.array([[0.9, 0.2, 0.5, 1.0], [0.0, 0.3, 0.3, 0.7]])
    expected = np.zeros_like(proposed)
    for row, chances in enumerate(proposed):
        for outcome in itertools.product([0, 1], repeat=4):
            chance = np.prod([p if here else 1 - p for p, here in zip(chances, outcome, strict=True)])
            for candidate, here in enumerate(outcome):
                expected[row, candidate] += chance * here / max(1, sum(outcome))
    assert chance_to_win(proposed) == pytest.approx(expected)


def test_children_that_may_fire_together_have_the_frequency_that_is_wanted():
    config = config_of(exclusive_children=False)
    assert grow(config).frequency_G == pytest.approx(zipf(config))


def test_a_child_is_compensated_for_its_parent_and_its_siblings():
    # Two roots of 0.4; each child is wanted with 0.1, so 1/4 of its parent, and competes with 1/4: 1/4 · 5/4 = 5/16.
    config = config_of(features=6, depth=1, p_max=0.4, p_min=0.4)
    forest = grow(config)
    assert forest.proposed_G[2:].tolist() == [1.0] * 4  # Wanted as often as the parent: as often as can be.
    assert forest.frequency_G[2:] == pytest.approx([0.2] * 4)  # Either of two siblings, half of the parent's each.
    spread = SyntheticConfig(features=3, d_in=4, roots=1, branching=2, depth=1, zipf_exponent=50, p_max=0.4, p_min=0.1)
    assert grow(spread).proposed_G == pytest.approx([0.4, 5 / 16, 5 / 16])
    assert grow(spread).frequency_G[1] == pytest.approx(0.4 * 5 / 16 * (11 / 16 + 5 / 32))


def test_siblings_that_exclude_each_other_never_exceed_their_parent():
    forest = grow(SYNTHETIC_SMALL)
    of_children = np.zeros(SYNTHETIC_SMALL.features)
    np.add.at(of_children, forest.parent_G[forest.parent_G >= 0], forest.frequency_G[forest.parent_G >= 0])
    assert (of_children <= forest.frequency_G + 1e-12).all()


def test_the_benchmark_has_the_l0_that_is_published():
    assert grow(SyntheticConfig()).frequency_G.sum() == pytest.approx(34, abs=1)


def test_without_roots_there_is_no_hierarchy():
    config = config_of(roots=0)
    assert grow(config).frequency_G == pytest.approx(zipf(config))
    assert (grow(config).parent_G == -1).all()


def test_impossible_configurations_are_refused():
    with pytest.raises(ValidationError, match="the trees have 14 features, and there are only 13"):
        config_of(features=13)
    with pytest.raises(ValidationError, match="p_min is above p_max"):
        config_of(p_max=0.1, p_min=0.2)
