import numpy as np
import pytest

from oobpickle.bench.codecs import comparison
from oobpickle.bench.codecs.comparison import HEADINGS, compare, markdown, rows
from oobpickle.bench.codecs.contestants import PICKLE_5, Contestant


@pytest.fixture(scope="module")
def compared():
    return {one.subject: one for one in compare(2, 0.001)}


def test_ours_carries_everything_and_copies_nothing_large(compared):
    for one in compared.values():
        ours = one.carried["oobpickle, pickle codec"]
        assert ours.copied_out < 0.01  # what is small is glued to the head
        assert len(ours.encode) == len(ours.decode) == 2
        if "1,000 arrays" not in one.subject:  # which are gathered
            assert ours.copied_in < 0.01


def test_copies_of_others_are_seen(compared):
    arrays = compared["arrays, 4 MB"].carried
    assert arrays["pickle 5, in-band"].copied_in == 1
    assert arrays["pickle 5, in-band"].copied_out == 1
    assert 0 < arrays[PICKLE_5].copied_out < 1  # of a region of interest, which goes in-band


def test_what_one_cannot_carry_is_told(compared):
    assert "ndarray" in compared["arrays, 4 MB"].refused["json"]
    assert "json" in compared["1,000 nested records"].carried


def test_rows_and_markdown(compared):
    for one in compared.values():
        assert all(len(row) == len(HEADINGS) for row in rows(one))
    assert "| oobpickle, pickle codec |" in markdown(list(compared.values()))


def test_a_codec_that_gives_back_something_else_is_refused(monkeypatch):
    lossy = Contestant("lossy", lambda obj: [obj["x"].astype(np.float32)], lambda buffers: {"x": buffers[0]})
    monkeypatch.setattr(comparison, "CONTESTANTS", [lossy])
    monkeypatch.setattr(comparison, "SUBJECTS", {"x": lambda: {"x": np.arange(10) / 7}})
    (one,) = compare(1, 0.001)
    assert one.refused == {"lossy": "what comes back is not what went in"}
