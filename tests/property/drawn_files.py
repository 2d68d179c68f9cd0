"""Files that Hypothesis draws from the grammar of a reader: known names with odd cells, types, shapes and headers."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

NAMES = ("user", "category", "target", "counts", "theta_star", "theta_s", "dg", "dg_rank", "n_window", "context_window")
NAMES += ("horizon", "history", "history_counts", "history_details", "scores", "answer_mass", "categories", "support")
LOG_NAMES = ("user", "item", "time", "categories", "title", "score", "category", "truth", "parent")
cells = st.one_of(
    st.sampled_from(
        ["", " ", "0", "1", "1.5", "-1", "nan", "inf", "1e999", "1_0", "a", "b", "A|B", "0x1", "٣", "\ufeff"]
    ),
    st.text(max_size=5),
    st.integers(-(10**20), 10**20).map(str),
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(cells, inner, max_size=4)),
    max_leaves=8,
)
weights = st.dictionaries(st.sampled_from(["a", "b", " a", "c"]), st.one_of(st.integers(0, 5), values), max_size=4)


@st.composite
def csv_bytes(draw: Callable[..., Any], names: tuple[str, ...]) -> bytes:
    header = draw(st.lists(st.one_of(st.sampled_from(names), cells), min_size=1, max_size=7))
    header = draw(st.sampled_from([header, list(dict.fromkeys([*names[:3], *header]))]))
    width = draw(st.sampled_from([len(header), len(header), len(header), 2]))
    rows = draw(st.lists(st.lists(cells, min_size=width, max_size=width), max_size=5))
    stream = io.StringIO()
    csv.writer(stream, lineterminator=draw(st.sampled_from(["\n", "\r\n", "\r"]))).writerows([header, *rows])
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-16", "utf-8-sig"]))
    return stream.getvalue().encode(encoding, "surrogatepass")


@st.composite
def json_lines(draw: Callable[..., Any]) -> bytes:
    choices = st.one_of(values, weights, weights)
    record = st.dictionaries(st.sampled_from(NAMES), choices, max_size=6)
    records = draw(
        st.lists(st.one_of(record, record.map(lambda held: {"user": "u", "target": {"a": 1}, **held}), values))
    )
    lines = [json.dumps(entry) for entry in records]
    text = draw(st.sampled_from(["\n".join(lines), "[" + ",".join(lines) + "]"]))
    return text.encode("utf-8", "surrogatepass")


ARROW = {
    "text": pa.array(["a", "b"]),
    "null text": pa.array(["a", None]),
    "whole": pa.array([1, 2]),
    "negative": pa.array([-1, 2**62]),
    "unsigned": pa.array([1, 2**64 - 1], pa.uint64()),
    "float": pa.array([1.0, 2.0]),
    "odd float": pa.array([float("nan"), float("inf")]),
    "half": pa.array([1.0, 2.0], pa.float16()),
    "decimal": pa.array([Decimal("1.5"), None]),
    "bool": pa.array([True, None]),
    "bytes": pa.array([b"a", b"\xff"]),
    "date": pa.array([0, 99999], pa.date32()),
    "stamp": pa.array([0, 2**60], pa.timestamp("ns", "UTC")),
    "time": pa.array([0, 1], pa.time64("us")),
    "duration": pa.array([0, 1], pa.duration("s")),
    "nothing": pa.nulls(2),
    "lists": pa.array([[1.0, 2.0], [3.0, 0.0]]),
    "ragged": pa.array([[1], [1, 2]]),
    "null list": pa.array([[1.0, 2.0], None]),
    "null in list": pa.array([[1.0, None], [1.0, 2.0]]),
    "empty lists": pa.array([[], []], pa.list_(pa.float64())),
    "fixed": pa.array([[1, 2], [3, 4]], pa.list_(pa.int32(), 2)),
    "texts": pa.array([["a"], ["category_0", None]]),
    "lists of bytes": pa.array([[b"a"], [b"\xff"]]),
    "lists of lists": pa.array([[["a"]], []]),
    "lists of bools": pa.array([[True], [False]]),
    "struct": pa.array([{"a": 1}, {"a": None}]),
    "lists of structs": pa.array([[{"time": 1, "rating": 1.0, "categories": ["a"]}], []]),
    "map": pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int64())),
    "dictionary": pa.array(["a", "b"]).dictionary_encode(),
    "dictionary lists": pa.array([["a"], ["b"]], pa.list_(pa.dictionary(pa.int8(), pa.string()))),
}


@st.composite
def parquet_bytes(draw: Callable[..., Any], names: tuple[str, ...]) -> bytes:
    arrow = st.sampled_from(list(ARROW))
    chosen = draw(st.dictionaries(st.sampled_from(names), arrow, max_size=4))
    base = draw(st.sampled_from([{}, {"user": "text", "counts": "lists"}]))
    base = base if "counts" in names else dict.fromkeys(names[:4], "text") | {"time": "whole", "score": "float"}
    table = pa.table({name: ARROW[kind] for name, kind in {**base, **chosen}.items()})
    said = draw(st.sampled_from([None, b"[]", b'["a", "b"]', b'["a", 1]', b"{", b'{"a": 1}', b'["a", "a"]', b"\xff"]))
    if said is not None:
        table = table.replace_schema_metadata({draw(st.sampled_from([b"categories", b"spectra_eval"])): said})
    stream = pa.BufferOutputStream()
    pq.write_table(table, stream)
    return bytes(stream.getvalue().to_pybytes())


kinds = st.one_of(hnp.scalar_dtypes(), hnp.unicode_string_dtypes(max_len=3), hnp.byte_string_dtypes(max_len=3))
shapes = st.sampled_from([(2, 3), (2,), (3,), (), (0, 3), (2, 0), (2, 3, 1)])
pieces = st.sampled_from(
    ["(", ")", "{", "}", "'descr'", "'shape'", ":", ",", "'<f8'", "True", "None", "1", "10**9", "-1", "'"]
)


def header_of(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(text.encode()).to_bytes(2, "little") + text.encode() + bytes(48)


@st.composite
def npz_bytes(draw: Callable[..., Any]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in draw(st.lists(st.sampled_from(["counts", *NAMES, "users"]), max_size=4, unique=True)):
            how = draw(st.sampled_from(["array", "array", "good", "header", "bytes"]))
            if how == "header":
                data = header_of("".join(draw(st.lists(pieces, max_size=30))))
            elif how == "bytes":
                data = draw(st.binary(max_size=30))
            else:
                array = draw(hnp.arrays(draw(kinds), draw(shapes))) if how == "array" else np.ones((2, 3))
                member = io.BytesIO()
                np.lib.format.write_array(member, array)
                data = member.getvalue()
            archive.writestr(draw(st.sampled_from([f"{name}.npy", f"{name}.npy", name])), data)
    return stream.getvalue()


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


facts = st.dictionaries(st.sampled_from(["v", "p", "q", "js_bits", "rtol", "k"]), values, max_size=4)
groups = st.sampled_from(["psi", "js", "ndcg", "tv", "entropy", "nothing"])
entries = st.one_of(
    st.fixed_dictionaries({"category": values, "parent": values}),
    st.fixed_dictionaries(
        {"alias": st.sampled_from("abc"), "title": st.sampled_from("ABC"), "parents": st.lists(values)}
    ),
    st.fixed_dictionaries({"alias": values, "title": values, "parents": values}),
)
review = {"user_id": cells, "business_id": st.sampled_from(["b", "c"]), "stars": values, "date": cells, "name": values}
