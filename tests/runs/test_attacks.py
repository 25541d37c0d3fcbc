"""What other programs, other users and accidents do to runs: one round of each attack of `campaigns/attack.py`."""

import pytest
from campaigns.attack import ATTACKS, rounds


@pytest.mark.parametrize("name", list(ATTACKS))
def test_an_attack_changes_nothing_that_it_must_not(name):
    [(_, seed, held)] = rounds([name], times=1, seed=0)
    assert held, f"python tests/campaigns/attack.py --only {name} --times 1 --seed {seed}"
