from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.errors import BackendUnavailable
from spectra_eval.report._drawing import Palette, _labelled
from spectra_eval.report._figure import Figure
from spectra_eval.report._figures import figures
from spectra_eval.report._material import gather
from spectra_eval.report._reliability import reliability
from spectra_eval.report.plots import to_pdf, to_svg
from spectra_eval.simplex import js_nats
from spectra_eval.tables import PreferenceTable
from spectra_eval.units import LN2


@pytest.fixture
def drawn(table: PreferenceTable, evaluation: Any, certificate: Any) -> dict[str, Figure]:
    material = gather(tables=table, evaluation=evaluation, certificate=certificate, title="t")
    return {figure.name: figure for figure in figures(material)}


def test_an_svg_is_one_element_that_follows_the_theme(drawn: dict[str, Figure]) -> None:
    for figure in drawn.values():
        text = to_svg(figure)
        assert text.startswith("<svg ")
        assert text.endswith("</svg>")
        for absent in ("<?xml", "<!DOCTYPE", "<metadata", "<!--", "http", "<style", "date", "#fe01"):
            assert absent not in text
        assert "currentColor" in text
        colours = set(re.findall(r"#[0-9a-f]{6}\b", text))
        assert not colours, f"{figure.name} has colours that no theme can change: {colours}"


def test_identifiers_are_used_and_belong_to_one_figure(drawn: dict[str, Figure]) -> None:
    seen: set[str] = set()
    for figure in drawn.values():
        text = to_svg(figure)
        names = re.findall(r' id="([^"]+)"', text)
        assert len(names) == len(set(names))
        assert not seen & set(names)
        seen |= set(names)
        assert set(re.findall(r'(?:href="|url\()#([^")]+)', text)) == set(names)


def test_bytes_do_not_depend_on_the_user_s_settings(drawn: dict[str, Figure], tmp_path: Path) -> None:
    import matplotlib

    figure = drawn["category-bias"]
    before = to_svg(figure)
    with matplotlib.rc_context({"font.size": 30, "svg.fonttype": "path", "axes.grid": True}):
        assert to_svg(figure) == before
    assert matplotlib.rcParams["text.parse_math"] is True
    for name in ("a.pdf", "b.pdf"):
        to_pdf(figure, tmp_path / name)
    written = (tmp_path / "a.pdf").read_bytes()
    assert written == (tmp_path / "b.pdf").read_bytes()
    assert b"CreationDate" not in written


def test_a_missing_library_is_one_line(drawn: dict[str, Figure], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(BackendUnavailable, match=re.escape("pip install 'spectra-eval[plots]'")) as caught:
        to_svg(drawn["frequency"])
    assert "\n" not in str(caught.value)


def test_the_colours_are_those_of_okabe_and_ito() -> None:
    palette = Palette()
    assert (palette.blue, palette.vermillion, palette.green) == ("#0072b2", "#d55e00", "#009e73")


def test_the_histogram_counts_every_record(drawn: dict[str, Figure], table: PreferenceTable) -> None:
    assert table.theta_s is not None
    rows = drawn["js-histogram"].rows
    js = js_nats(table.theta_star, table.theta_s) / LN2
    assert sum(row[2] for row in rows) == pytest.approx(1.0)
    for low, high, share, _ in rows[:-1]:
        assert share == pytest.approx(np.mean((js >= low) & (js < high)), abs=1.01 / len(js))


def test_the_margin_curve_is_that_of_the_lists(drawn: dict[str, Figure], table: PreferenceTable) -> None:
    assert table.dg is not None
    assert table.theta_s is not None
    margins = []
    for user in range(table.n_users):
        listed = [c for c in table.dg[user][:3] if c >= 0]
        if listed:
            missed = 1.0 - table.theta_star[user][listed].sum()
            apart = np.abs(table.theta_star[user] - table.theta_s[user]).sum() / 2
            margins.append(missed - apart)
    figure = drawn["margin-curve"]
    assert len(margins) == table.n_users - 1
    for t, share, low in figure.rows:
        assert share == pytest.approx(np.mean(np.array(margins) > t), abs=1.01 / len(margins))
        assert low == pytest.approx(max(0.0, share - np.sqrt(np.log(20) / (2 * len(margins)))))
    assert figure.rows[0][1] == 1.0
    assert figure.rows[-1][1] == 0.0
    assert figure.extra["at_zero"] == pytest.approx(np.mean(np.array(margins) > 0))


def test_biases_sum_to_zero_and_stand_in_the_order_of_frequency(drawn: dict[str, Figure]) -> None:
    rows = drawn["category-bias"].rows
    assert sum(row[2] for row in rows) == pytest.approx(0.0, abs=1e-12)
    assert sum(row[3] for row in rows) == pytest.approx(0.0, abs=1e-12)
    frequency = [row[1] for row in rows]
    assert frequency == sorted(frequency, reverse=True)


def test_the_reliability_diagram_holds_every_pair(drawn: dict[str, Figure], table: PreferenceTable) -> None:
    rows = drawn["reliability"].rows
    assert len(rows) == 20
    assert sum(row[2] for row in rows) == table.n_users * table.n_categories
    for low, high, n, said, seen in rows:
        assert (said is None) == (seen is None) == (n == 0)
        if n:
            assert low - 1e-12 <= said <= high + 1e-12
    weighted = sum(n * seen for _, _, n, _, seen in rows if n)
    assert weighted == pytest.approx(table.n_users), "theta_star sums to one for each user"


@pytest.mark.parametrize("spread", [0.002, 0.0])
def test_a_flat_readout_gets_bins_of_equal_size(simulate: Callable[..., PreferenceTable], spread: float) -> None:
    """Two bins of equal width would hold everything; a readout that says one thing has one point."""
    rng = np.random.default_rng(0)
    noise = spread * rng.uniform(-1, 1, (60, 9))
    flat = 1 / 9 + noise - noise.mean(axis=1, keepdims=True)
    table = simulate(theta_s=flat)
    material = gather(tables=table, evaluation={"results": []}, certificate=None, title="flat")
    figure = reliability(material)
    assert figure is not None and to_svg(figure).startswith("<svg")
    rows = figure.rows
    assert len(rows) == (20 if spread else 1) and ("bins of equal size" if spread else "one point") in figure.caption
    assert sum(row[2] for row in rows) == 60 * 9
    for low, high, n, said, seen in rows:
        assert low - 1e-12 <= said <= high + 1e-12 and 0.0 <= seen <= 1.0 and abs(n - 60 * 9 / len(rows)) <= 1
    ordered = np.sort(flat.ravel())
    assert [row[3] for row in rows] == pytest.approx([part.mean() for part in np.array_split(ordered, len(rows))])
    assert sum(n * seen for _, _, n, _, seen in rows) == pytest.approx(60)


def test_exposure_shares_sum_to_one(drawn: dict[str, Figure]) -> None:
    rows = drawn["exposure"].rows
    for column in (1, 2, 3):
        assert sum(row[column] for row in rows) == pytest.approx(1.0)


def test_points_of_the_scatter_are_means(drawn: dict[str, Figure], table: PreferenceTable) -> None:
    assert table.theta_s is not None
    for name, truth, held in drawn["frequency"].rows:
        place = table.categories.index(name)
        assert truth == pytest.approx(table.theta_star[:, place].mean())
        assert held == pytest.approx(table.theta_s[:, place].mean())


def test_a_name_in_the_scatter_covers_no_other_point() -> None:
    truth, held = np.array([0.1, 0.105, 0.5, 0.9]), np.array([0.3, 0.33, 0.2, 0.7])
    chosen = dict(_labelled(truth, held, 1.0, ["first", "second", "third", "fourth"]))
    assert chosen == {0: False, 1: True, 2: False, 3: False}, "the one below is named below, the one above, above"
    crowded = _labelled(np.full(5, 0.5), np.linspace(0.4, 0.6, 5) ** 2, 1.0, ["a long name"] * 5)
    assert len(crowded) == 2, "only the two ends have room"
    many = _labelled(np.linspace(0.05, 0.95, 12), np.tile([0.1, 0.9], 6), 1.0, ["ab"] * 12)
    assert len(many) == 9


def test_a_figure_needs_what_it_shows(table: PreferenceTable, evaluation: Any) -> None:
    bare = {"results": [row for row in evaluation["results"] if row["metric"] == "soft_ece"]}
    material = gather(tables=table.replace(theta_s=None, dg=None), evaluation=bare, certificate=None, title="t")
    assert figures(material) == ()
    material = gather(tables=table.replace(dg=None), evaluation=bare, certificate=None, title="t")
    assert {figure.name for figure in figures(material)} == {
        "js-histogram", "category-bias", "exposure", "frequency", "reliability",
    }  # fmt: skip
    for figure in figures(material):
        assert to_svg(figure).startswith("<svg ")


def test_two_categories_and_one_user_can_be_drawn() -> None:
    table = PreferenceTable(
        users=np.array(["ann"]),
        categories=("a", "b"),
        counts=np.array([[3, 1]]),
        theta_s=np.array([[0.5, 0.5]]),
        dg=np.array([[1]]),
    )
    material = gather(tables=table, evaluation={"results": []}, certificate=None, title="t")
    for figure in figures(material):
        assert to_svg(figure).startswith("<svg ")
