"""What holds for all tests."""

import os

# Programs that a test starts with `python -m adam_tui` import the package that the test itself imports: the installed
# one, not whatever lies in the working directory.
os.environ["PYTHONSAFEPATH"] = "1"
