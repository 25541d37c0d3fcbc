"""Messages about names that are not known."""

import pytest

from adam_tui.engine.names import suggest


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("adm", ": did you mean adam? choose from sgd, adam"),
        ("ADAM", ": did you mean adam? choose from sgd, adam"),
        ("lion", ": choose from sgd, adam"),
    ],
)
def test_a_name_that_is_nearly_right_is_corrected(name, text):
    assert suggest(name, ["sgd", "adam"]) == text
