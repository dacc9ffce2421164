import pytest

from oobpickle.bench.peer import FAN_OUT, ROUND_TRIP
from oobpickle.bench.plot import plot
from tests.bench.test_figures import figures, of

mpl = pytest.importorskip("matplotlib")


@pytest.fixture(autouse=True, scope="module")
def fonts(tmp_path_factory):
    """Draw once: matplotlib keeps the files of its fonts open for the rest of the process."""
    plot(several(), str(tmp_path_factory.mktemp("fonts") / "a.png"), "a caption")


def several():
    sizes = [figures(size, oobpickle=[of(1)], recipe=[of(2)], memcpy=[of(0.5)]) for size in (1 << 10, 1 << 20, 1 << 24)]
    latencies = tuple(i * 1e-5 for i in range(1, 200))
    return [*sizes, figures(pattern=ROUND_TRIP, oobpickle=[of(1, latencies=latencies)])]


@pytest.mark.parametrize(("suffix", "begins"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_a_picture(tmp_path, suffix, begins):
    path = tmp_path / f"speed.{suffix}"
    plot(several(), str(path), "2 x some processor\noobpickle bench")
    content = path.read_bytes()
    assert content.startswith(begins)
    assert len(content) > 10_000


def test_every_peer_has_its_label(tmp_path):
    with mpl.rc_context({"svg.fonttype": "none"}):  # text stays text
        plot(several(), str(tmp_path / "speed.svg"), "the caption")
    text = (tmp_path / "speed.svg").read_text()
    for label in ("oobpickle", "recipe", "one memcpy, warm", "1 KB", "16 MB", "the caption", "microseconds"):
        assert label in text


def test_nothing_to_draw(tmp_path):
    with pytest.raises(ValueError, match="to draw"):
        plot([figures(pattern=FAN_OUT, oobpickle=[of(1)])], str(tmp_path / "a.png"), "")
