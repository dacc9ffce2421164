import json

from oobpickle.bench import report
from oobpickle.bench.peer import ROUND_TRIP
from tests.bench.test_figures import figures, of


def one_way():
    memcpy = [of(0.5, near=1), of(0.5, near=1)]
    found = figures(1 << 24, oobpickle=[of(1, near=0.2), of(1)], recipe=[of(2), of(4)], memcpy=memcpy)
    found.left_out.update({"ray": "ray is not installed", "bare": "no bytes", "frames": "no bytes"})
    found.failed["other"] = "it broke"
    return found


def test_a_row_has_a_cell_for_each_heading():
    for found in (one_way(), figures(pattern=ROUND_TRIP, oobpickle=[of(1, latencies=(1e-4, 2e-4, 3e-4))])):
        head = report.headings(found)
        assert all(len(row) == len(head) for row in report.rows(found))


def test_ratios_stand_under_their_reference():
    found = one_way()
    row = dict(zip(report.headings(found), report.rows(found)[0], strict=True))
    assert row["peer"] == "oobpickle"
    assert row["messages/s"] == "10.0"
    assert row["of recipe"] == "3.00"
    assert row["of memcpy"] == "0.50"
    assert row["says"] == "0 + 0"
    assert row["copies"] == "0.1 + 0.0"


def test_markdown_names_all_peers():
    text = report.heading({"processor": "2 x some"}, "oobpickle bench") + report.markdown([one_way()])
    assert "`oobpickle bench`" in text
    assert "2 x some" in text
    assert "| oobpickle | 10.0 |" in text
    assert "Left out: ray (ray is not installed)." in text
    assert "Left out: bare; frames (no bytes)." in text
    assert "FAILED: other: it broke" in text


def test_json_holds_every_round():
    data = json.loads(json.dumps(report.as_data(one_way())))
    assert data["peers"]["recipe"]["rates"] == [5.0, 2.5]
    assert data["peers"]["oobpickle"]["ratios"]["recipe"]["value"] == 3.0
    assert data["failed"] == {"other": "it broke"}


def test_the_spread_of_one_round_is_not_told():
    found = figures(oobpickle=[of(1)], recipe=[of(2)])
    assert dict(zip(report.headings(found), report.rows(found)[0], strict=True))["±"] == "-"
    data = report.as_data(found)["peers"]["oobpickle"]
    assert data["spread"] is None
    assert data["ratios"] == {"recipe": {"value": 2.0, "spread": None}}
    json.dumps(data, allow_nan=False)


def test_numbers_have_three_digits_that_count():
    told = {0: "0", 0.004: "0", 0.126: "0.13", 1.0: "1.00", 12.34: "12.3", 1234567: "1,234,567"}
    assert {value: report.number(value) for value in told} == told
