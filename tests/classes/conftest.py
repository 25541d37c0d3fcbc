import pytest

from adam_tui.classes import service
from adam_tui.classes.process import Helper, Limits
from adam_tui.engine.class_optimizers import CLASSES


@pytest.fixture(scope="package")
def classes():
    """The classes of the session with one real process, which starts once; a step may take a second."""
    own = service.Classes(Helper(Limits(step=1.0, memory=1 << 30)))
    service._SERVICE[:] = [own]
    yield own
    own.close()
    service._SERVICE.clear()
    CLASSES.clear()


@pytest.fixture(autouse=True)
def nothing_imported():
    """No class is known at the start: a name such as ./mine.py::Mine means another file in every test."""
    CLASSES.clear()
    for own in service._SERVICE:
        own._files.clear()


@pytest.fixture
def imported(classes):
    """Import classes by name, and wait for them."""

    def wait(*names):
        for name in names:
            classes.allow(name)
        classes.wait(names)
        return [CLASSES[name] for name in names]

    return wait
