import pytest

from oobpickle.bench.peer import FAN_OUT, ROUND_TRIP
from oobpickle.bench.plot import _throughput, plot
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


@pytest.mark.parametrize("others", [[], [1 << 24]], ids=["one size", "one of two sizes"])
def test_a_reference_of_one_size_is_seen(others):
    found = [
        figures(1 << 20, oobpickle=[of(1)], memcpy=[of(0.5)]),
        *(figures(size, oobpickle=[of(1)]) for size in others),
    ]
    axis = mpl.figure.Figure().subplots()
    _throughput(axis, "ipc", found, {"oobpickle": "C0"})
    (line,) = [line for line in axis.lines if line.get_label() == "one memcpy, warm"]
    assert line.get_marker() != "None" or len(set(line.get_xdata())) > 1
    low, high = axis.get_ylim()
    assert any(low < tick < high for tick in axis.get_yticks())
