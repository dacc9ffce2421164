"""The things: the same in every run, and what they are said to be."""

import subprocess
import sys

import numpy as np
import pytest

import oobpickle
from oobpickle.demo import content
from oobpickle.demo.things import THINGS
from tests.documents import ROOT


def test_there_is_a_data_frame_where_there_is_pandas():
    try:
        import pandas  # noqa: F401
    except ImportError:
        assert "DataFrame" not in THINGS
    else:
        assert "DataFrame" in THINGS


@pytest.mark.parametrize("title", THINGS)
def test_a_thing_is_the_same_in_every_run_and_large(title):
    first, second = THINGS[title](), THINGS[title]()
    assert content.checksum(first) == content.checksum(second)
    assert 8 << 20 < content.size(first) < 64 << 20


def test_the_view_in_the_nested_dict_is_sent_once():
    nested = THINGS["nested dict"]()
    frames = oobpickle.dumps(nested)
    arrived = oobpickle.loads([bytearray(frame) for frame in frames])
    assert np.shares_memory(arrived["best"], arrived["spectra"])
    assert sum(map(len, frames)) < content.size(nested)


def test_pandas_is_not_imported_until_it_is_needed():
    code = "import sys, oobpickle.cli.app; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
