"""Arrays of other libraries at the door of every public function: converted, aligned, or refused in one line."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import sparse

from spectra_eval import metrics, stats, theory
from spectra_eval.arrays import as_array, sum_tolerance
from spectra_eval.errors import InputError, SimplexError, SpectraError
from spectra_eval.tables import PreferenceTable

RNG = np.random.default_rng(5)
THETA = RNG.dirichlet(np.ones(4), 6)
HELD = RNG.dirichlet(np.ones(4), 6)
USERS, NAMES = tuple("uvwxyz"), tuple("abcd")
LISTS = np.tile([0, 1], (6, 1))
COUNTS = RNG.integers(1, 9, (6, 4))

PAIRED: dict[str, Callable[[Any, Any], Any]] = {
    "js_divergence": lambda p, q: metrics.js_divergence(p, q).nats,
    "kl_divergence": lambda p, q: metrics.kl_divergence(p, q).nats,
    "total_variation": metrics.total_variation,
    "category_ndcg": lambda p, q: metrics.category_ndcg(p, q, k=2),
    "soft_ece": metrics.soft_ece,
    "category_biases": metrics.category_biases,
    "route T": lambda p, q: theory.route_t(COUNTS, q, LISTS, predicate_error=0.05).upper,
    "routes' JS": lambda p, q: theory.js_upper(COUNTS, q, error=0.05).nats,
    "table": lambda p, q: PreferenceTable(users=USERS, categories=NAMES, theta_star=p, theta_s=q).theta_s,
}
ONE: dict[str, Callable[[Any], Any]] = {
    **{name: lambda q, f=f: f(THETA, q) for name, f in PAIRED.items()},
    "missed_mass": lambda q: theory.missed_mass(q, LISTS),
    "rank_radii": lambda q: theory.rank_radii(q, k=2),
    "exposure_entropy": lambda q: metrics.exposure_entropy(q, k=2).nats,
    "counts of routes": lambda q: theory.missed_mass_lower(q, LISTS, error=0.05),
    "phi_star": theory.phi_star,
    "tv_upper_from_kl": lambda q: theory.tv_upper_from_kl(_nats(q)),
    "holm": lambda q: stats.holm(q[0] if isinstance(q, np.ndarray) else q),
    "signed_rank": lambda q: stats.signed_rank(q[0] if isinstance(q, np.ndarray) else q),
    "minimum_detectable": lambda q: stats.minimum_detectable(q[0] if isinstance(q, np.ndarray) else q),
    "category_buckets": lambda q: metrics.category_buckets(q[0] if isinstance(q, np.ndarray) else q),
    "support": lambda q: PreferenceTable(users=USERS, categories=NAMES, counts=COUNTS, scores=q).scores,
}


def _nats(values: Any) -> Any:
    from spectra_eval.units import Information

    return Information(values)


BROKEN = {
    "masked": np.ma.array(HELD, mask=HELD > 0.5),
    "complex": HELD.astype(complex),
    "Booleans": np.eye(6, 4, dtype=bool),
    "text": HELD.astype(str),
    "objects": np.array([["x", None]], dtype=object),
    "dates": np.zeros((6, 4), dtype="datetime64[s]"),
    "sparse": sparse.csr_array(HELD),
    "ragged": [[0.5, 0.5], [1.0]],
    "text column": pd.DataFrame(HELD).assign(name="x"),
    "text in Arrow": pa.table({"a": ["x"], "b": ["y"]}),
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("function", ONE)
def test_what_is_no_array_of_numbers_is_refused_in_one_line(function: str, kind: str) -> None:
    with pytest.raises(SpectraError) as caught:
        ONE[function](BROKEN[kind])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("function", PAIRED)
def test_labels_are_aligned_and_a_mismatch_is_refused(function: str) -> None:
    truth, held = (pd.DataFrame(rows, index=list(USERS), columns=list(NAMES)) for rows in (THETA, HELD))
    moved = held.iloc[::-1, [2, 0, 3, 1]]
    if function.startswith("route"):
        counts = pd.DataFrame(COUNTS, index=list(USERS), columns=list(NAMES))
        call = (
            (lambda q: theory.route_t(counts, q, LISTS, predicate_error=0.05).upper)
            if function == "route T"
            else (lambda q: theory.js_upper(counts, q, error=0.05).nats)
        )
    else:
        call = functools.partial(PAIRED[function], truth)
    assert np.array_equal(np.asarray(call(moved)), np.asarray(PAIRED[function](THETA, HELD)))
    with pytest.raises(InputError, match="labels of its categories differ"):
        call(held.rename(columns={"a": "other"}))
    with pytest.raises(InputError, match="labels of its users differ"):
        call(held.rename(index={"u": "other"}))


@pytest.mark.parametrize("function", PAIRED)
def test_a_float32_softmax_is_a_distribution(function: str) -> None:
    logits = RNG.normal(size=(6, 4)).astype(np.float32)
    rows = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    rows[:, 0] += np.float32(4e-7)
    for given in (rows, rows.tolist(), pd.DataFrame(rows), rows.astype(np.float16)):
        assert np.isfinite(np.asarray(PAIRED[function](THETA, given))).all()
    with pytest.raises(SimplexError, match="sums to"):
        PAIRED[function](THETA, rows.astype(np.float32) * np.float32(1.001))


def test_the_message_prints_the_deviation_where_the_sum_would_be_printed_as_one() -> None:
    with pytest.raises(SimplexError, match=r"theta_s: sums to 1 \+ 2e-07; normalise it"):
        metrics.js_divergence([0.5, 0.5], [0.1 + 2e-7, 0.9])


def test_a_table_divides_rows_of_low_precision_and_counts_them() -> None:
    rows = THETA.astype(np.float32)
    rows[0, 0] += np.float32(3e-6)
    table = PreferenceTable(users=USERS, categories=NAMES, counts=COUNTS, theta_s=rows)
    assert table.theta_s is not None
    assert np.abs(table.theta_s.sum(axis=1) - 1).max() < 1e-15
    assert table.metadata["rows_divided"]["theta_s"] >= 1
    assert 2.5e-6 < table.metadata["deviation"]["theta_s"] < 3.5e-6


class Labelled:
    """An array with named axes, as xarray has them."""

    def __init__(self, values: np.ndarray, dims: tuple[str, ...], coords: dict[str, Any]) -> None:
        self.values, self.dims = values, dims
        self.coords = {name: pd.Series(list(labels)) for name, labels in coords.items()}


def test_named_axes_arrow_tables_and_series_are_aligned() -> None:
    truth = pd.DataFrame(THETA, index=list(USERS), columns=list(NAMES))
    turned = Labelled(HELD.T[::-1], ("category", "user"), {"user": USERS, "category": NAMES[::-1]})
    upright = Labelled(THETA, ("user", "category"), {"user": USERS, "category": NAMES})
    expected = metrics.total_variation(THETA, HELD)
    assert np.array_equal(metrics.total_variation(upright, turned), expected)
    arrow = pa.table({name: HELD[:, NAMES.index(name)] for name in "dbca"})
    assert np.array_equal(metrics.total_variation(truth.reset_index(drop=True), arrow), expected)
    one = metrics.total_variation(truth.loc["u"], truth.loc["v"].iloc[::-1])
    assert one == metrics.total_variation(THETA[0], THETA[1])
    assert metrics.total_variation(pa.array(THETA[0]), THETA[1]) == one
    assert metrics.total_variation(sparse.csr_matrix(THETA).todense(), HELD).tolist() == expected.tolist()


def test_named_axes_give_no_wider_tolerance() -> None:
    with pytest.raises(SimplexError, match="sums to"):
        metrics.total_variation(THETA, Labelled(HELD * 1.001, ("user", "category"), {}))


def test_lists_buckets_and_support_are_aligned_too() -> None:
    truth = pd.DataFrame(THETA, index=list(USERS), columns=list(NAMES))
    lists = np.array([[i % 4, (i + 1) % 4] for i in range(6)])
    moved = pd.DataFrame(lists, index=list(USERS)).iloc[::-1]
    assert np.array_equal(metrics.list_ndcg(truth, moved, k=2), metrics.list_ndcg(THETA, lists, k=2))
    buckets = pd.Series([0, 1, 2, 2], index=list(NAMES))
    assert np.array_equal(
        metrics.tail_mass(truth, buckets=buckets.iloc[::-1]), metrics.tail_mass(THETA, buckets=buckets.to_numpy())
    )


def test_a_table_takes_every_column_of_a_shuffled_frame_by_its_labels() -> None:
    frame = pd.DataFrame(COUNTS, index=list(USERS), columns=list(NAMES)).assign(n=COUNTS.sum(axis=1))
    turned = frame.iloc[::-1]
    table = PreferenceTable(
        users=USERS,
        categories=NAMES,
        counts=turned[list("dcba")],
        n_window=turned["n"],
        horizon=pd.Series(list("lmnopq"), index=list(USERS)).iloc[::-1],
        support=pd.DataFrame(np.ones((6, 4), dtype=bool), columns=list(NAMES)),
    )
    assert np.array_equal(table.counts, COUNTS)
    assert np.array_equal(table.n_window, COUNTS.sum(axis=1))
    assert table.horizon is not None and table.horizon.tolist() == list("lmnopq")


def test_a_null_row_of_arrow_is_refused_and_never_left_out() -> None:
    # Left out, it would move every later row to another user: these two would be equal.
    first = pa.array([[0.9, 0.1], None, [0.2, 0.8]])
    second = pa.array([None, [0.9, 0.1], [0.2, 0.8]])
    for given, row in ((first, 2), (second, 1)):
        for value in (given, pa.chunked_array([given]), pa.array(given, pa.list_(pa.float64(), 2))):
            with pytest.raises(InputError, match=f"row {row} is null"):
                metrics.js_divergence(value, np.full((3, 2), 0.5))
        with pytest.raises(InputError, match=f"row {row} is null"):
            PreferenceTable(users=["a", "b"], categories=("x", "y"), counts=[[1, 2], [3, 4]], theta_s=given)


class Exported:
    """Exports Arrow and nothing else."""

    def __init__(self, held: Any) -> None:
        self._held = held

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._held.__arrow_c_stream__(requested_schema)


class Failing:
    """An array of another library that cannot be read."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise self._error


_COLUMNS = [pa.array(HELD[:, place]) for place in range(4)]
_MORE = pa.array([[9.0] * 4, None, *HELD.tolist(), None])
ARROW = {
    "slice of lists": _MORE.slice(2, 6),
    "slice of lists of one length": pa.array(_MORE.to_pylist(), pa.list_(pa.float64(), 4)).slice(2, 6),
    "list views": pa.array(_MORE.to_pylist(), pa.list_view(pa.float64())).slice(2, 6),
    "struct": pa.StructArray.from_arrays(_COLUMNS, list(NAMES)),
    "batch": pa.record_batch(_COLUMNS, names=list(NAMES)),
    "reader": pa.table(_COLUMNS, names=list(NAMES)).to_reader(),
    "stream of a table": Exported(pa.table(_COLUMNS, names=list(NAMES))),
    "stream of lists": Exported(pa.chunked_array([_MORE.slice(2, 4), _MORE.slice(6, 2)])),
    "dictionaries": pa.table([column.dictionary_encode() for column in _COLUMNS], names=list(NAMES)),
    "table with one column of lists": pa.table({"held": _MORE.slice(2, 6)}),
    "lists of tensors": pa.ExtensionArray.from_storage(
        pa.fixed_shape_tensor(pa.float64(), [4]), pa.array(HELD.tolist(), pa.list_(pa.float64(), 4))
    ),
    "series in a list": [pd.Series(row, index=list(NAMES)).iloc[:: 1 - 2 * (i % 2)] for i, row in enumerate(HELD)],
}


@pytest.mark.parametrize("kind", ARROW)
def test_every_dress_of_the_same_numbers_is_read_alike(kind: str) -> None:
    assert np.array_equal(metrics.total_variation(THETA, ARROW[kind]), metrics.total_variation(THETA, HELD))


def test_half_floats_of_arrow_and_of_pandas_have_their_own_tolerance() -> None:
    halves = HELD.astype(np.float16)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(halves.ravel()), 4)
    frame = pd.DataFrame(halves.astype(np.float32)).astype(pd.ArrowDtype(pa.float32()))
    expected = metrics.total_variation(THETA, halves)
    assert np.array_equal(metrics.total_variation(THETA, lists), expected)
    assert np.abs(halves.astype(float).sum(axis=1) - 1).max() > 3e-5
    assert np.array_equal(metrics.total_variation(THETA, pd.DataFrame(halves)), expected)
    with pytest.raises(SimplexError, match=r"column theta_s: sums to 1\.001"):
        PreferenceTable(users=USERS, categories=NAMES, theta_star=THETA.astype(np.float16), theta_s=HELD * 1.001)
    with pytest.raises(SimplexError, match="sums to"):
        metrics.total_variation(THETA, frame)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (pa.table({"a": [True, False], "b": [0.0, 1.0]}), "Booleans beside numbers"),
        (pa.table({"a": [True, None], "b": [False, True]}), "row 2 is null"),
        (pa.StructArray.from_arrays(_COLUMNS, list(NAMES), mask=pa.array([False] * 5 + [True])), "row 6 is null"),
        (pa.array([[0.5, 0.5], [1.0]]), r"row 2 has 1 numbers, but row 1 has 2"),
        (pa.table({"a": _MORE.slice(2, 6), "b": _MORE.slice(2, 6)}), "column 'a' holds lists"),
        (pa.table({"a": pa.array([1], pa.time32("s")), "b": [1]}), r"column 'a': holds time32\[s\]"),
        (pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, 0], pa.int8())), "holds arrow.bool8"),
        (pd.DataFrame({"a": [True, None]}, dtype="boolean"), "a truth value is empty|Booleans"),
        (Failing(KeyError("gone")), "Failing cannot become an array"),
        (Failing(AttributeError("gone")), "Failing cannot become an array"),
        ([Failing(KeyError("gone"))], "list cannot become an array"),
        ((row for row in HELD), "generator is no array"),
        ([["0.5", None]], "objects that are not plain numbers"),
        (
            [pd.Series([0.5, 0.5], index=["a", "b"]), pd.Series([0.5, 0.5], index=["a", "c"])],
            "the labels of its categories differ",
        ),
    ],
)
def test_what_cannot_be_read_faithfully_is_refused_in_one_line(given: Any, message: str) -> None:
    with pytest.raises(SpectraError, match=message) as caught:
        metrics.js_divergence(THETA, given)
    assert "\n" not in str(caught.value)


def test_named_axes_of_lists_and_of_one_row_are_aligned_or_refused() -> None:
    truth = Labelled(THETA, ("user", "category"), {"user": USERS, "category": NAMES})
    lists = np.array([[i % 4, (i + 1) % 4] for i in range(6)])
    turned = Labelled(lists.T[:, ::-1], ("rank", "user"), {"user": USERS[::-1]})
    assert np.array_equal(metrics.list_ndcg(truth, turned, k=2), metrics.list_ndcg(THETA, lists, k=2))
    square = Labelled(THETA[:4], ("user", "category"), {})
    with pytest.raises(InputError, match="its axes are"):  # one number a user, where one a category belongs
        metrics.total_variation(square, Labelled(HELD[0], ("user",), {}))
    scores = Labelled(THETA[:4].T, ("category", "user"), {})
    table = PreferenceTable(users=USERS[:4], categories=NAMES, theta_star=square, scores=scores)
    assert table.scores is not None and np.array_equal(table.scores, THETA[:4])


def test_users_in_another_order_than_a_frame_with_plain_labels_are_aligned() -> None:
    users = pd.Series(list(USERS)).iloc[::-1]
    table = PreferenceTable(users=users, categories=NAMES, counts=pd.DataFrame(COUNTS, columns=list(NAMES)))
    assert table.users.tolist() == list(USERS[::-1])
    assert np.array_equal(table.counts, COUNTS[::-1])
    mask = pd.Series([True, *[False] * 5], index=list(USERS))
    assert table.select(mask).users.tolist() == ["u"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"users": ["u", None]}, "row 2, column users: null"),
        ({"users": pd.Series(["u", None], dtype="string")}, "row 2, column users: null"),
        ({"users": [0.5, 1.0]}, "0.5 is not a valid name"),
        ({"users": {"u", "v"}}, "set is no list of texts"),
        ({"users": "uv"}, "str is no list of texts"),
        ({"users": [b"\xff", b"v"]}, "is not UTF-8"),
        ({"users": np.array([["u", "v"], ["w", "x"]])}, "ndarray is not a name"),
        ({"categories": "ab"}, "str is no list of texts"),
        ({"categories": None}, "NoneType is no list of texts"),
        ({"horizon": ["long", None]}, "row 2, column horizon: null"),
        ({"history": [["A"], None]}, "row 2, column history: NoneType is no list of texts"),
        ({"history": ["Alien", "Brazil"]}, "row 1, column history: str is no list of texts"),
        ({"history": [["A"], ["B", None]]}, "row 2, column history: a title is null"),
        ({"metadata": 3}, "metadata: int is no mapping"),
        ({"n_window": np.array([3, 2**63 + 1], dtype=np.uint64)}, "is not a whole number"),
    ],
)
def test_a_column_of_names_is_read_faithfully_or_refused(change: dict[str, Any], message: str) -> None:
    plain: dict[str, Any] = {"users": ["u", "v"], "categories": ("a", "b"), "counts": [[1, 2], [3, 4]]}
    with pytest.raises(SpectraError, match=message):
        PreferenceTable(**{**plain, **change})


def test_names_of_bytes_floats_and_arrow_become_their_texts() -> None:
    for users, expected in (
        (np.array(["u", "é"]).astype("U").tolist(), ["u", "é"]),
        ([b"u", "é".encode()], ["u", "é"]),
        (np.arange(2.0), ["0", "1"]),
        (pa.array(["u", "v"]), ["u", "v"]),
    ):
        table = PreferenceTable(users=users, categories=pa.array(["a", "b"]), counts=[[1, 2], [3, 4]])
        assert table.users.tolist() == expected and table.categories == ("a", "b")


@pytest.mark.parametrize("rows", [[0.5], [9], [True], "u", {0}, np.zeros((2, 2), dtype=bool)])
def test_rows_that_do_not_select_are_refused(rows: Any) -> None:
    table = PreferenceTable(users=["u", "v"], categories=("a", "b"), counts=[[1, 2], [3, 4]])
    with pytest.raises(SpectraError, match="rows: "):
        table.select(rows)
    assert table.select(1).users.tolist() == ["v"]
    assert len(table.select([])) == 0


@pytest.mark.parametrize("number", [10**400, -(10**400)], ids=["large", "small"])
def test_a_number_beyond_float64_is_refused(number: int) -> None:
    with pytest.raises(InputError, match="x: holds a number that float64 cannot hold"):
        as_array("x", [number, 1.0])


@pytest.mark.parametrize("kind", [object, np.dtype([("a", "f8")]), "U3"])
def test_an_empty_array_of_any_type_is_an_empty_array_of_numbers(kind: Any) -> None:
    array = as_array("x", np.zeros((0, 2), dtype=kind))
    assert array.shape == (0, 2) and array.dtype == np.float64


def test_whole_numbers_of_pandas_keep_their_sign_and_their_size() -> None:
    large = pd.Series([2**63 + 2048, 1], dtype="uint64")
    assert as_array("x", large).tolist() == [float(2**63 + 2048), 1.0]
    assert as_array("x", pd.Series([-3, 2], dtype="Int64")).tolist() == [-3.0, 2.0]
    assert as_array("x", pd.DataFrame({"a": np.array([1], "uint8"), "b": np.array([-1])})).tolist() == [[1.0, -1.0]]


def test_one_row_of_text_has_the_tolerance_it_has_in_a_table() -> None:
    rows = np.array([[0.333, 0.333, 0.333], [0.3333, 0.3333, 0.3333]])
    assert sum_tolerance(rows, text=True).tolist() == [sum_tolerance(row, text=True) for row in rows]


def test_a_query_that_has_not_run_is_told_apart_from_other_objects() -> None:
    class Lazy:
        def collect(self) -> None: ...

    with pytest.raises(InputError, match=r"theta: Lazy is no array; call \.collect\(\) first$"):
        as_array("theta", Lazy())
    with pytest.raises(InputError, match=r"theta: object is no array; give an array or a list of numbers$"):
        as_array("theta", object())


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (pd.DataFrame({"a": [0.5], "b": ["x"]}), "theta: column 'b' holds .*, no numbers; give numbers"),
        (pd.DataFrame({"a": [0.5], "b": [1j]}), "theta: column 'b' holds complex numbers; give numbers"),
        (pd.Series([1j]), "theta: holds complex numbers; give numbers"),
    ],
)
def test_a_column_that_is_no_number_is_named(values: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        as_array("theta", values)
