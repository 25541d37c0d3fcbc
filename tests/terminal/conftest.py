"""Runs for the tests of this folder."""

from run_fixtures import *  # noqa: F403
