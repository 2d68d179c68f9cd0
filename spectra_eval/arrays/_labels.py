"""Alignment of labelled arrays."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from spectra_eval.arrays._given import Given
from spectra_eval.errors import InputError

__all__ = ["align", "order", "turned"]


def align(given: Mapping[str, Given], axes: Mapping[str, Sequence[str]]) -> dict[str, Given]:
    """Align labelled arrays: all get the order of the first array that labels the axis.

    Parameters
    ----------
    given : mapping of str to Given
        Arrays by name.
    axes : mapping of str to sequence of str
        The meaning of each axis of each array, counted from the last one: ``("users", "categories")``.

    Returns
    -------
    dict of str to Given
        The arrays by name; an array without labels is unchanged.

    Raises
    ------
    InputError
        Two arrays have different labels on the same axis, or repeated labels in another order.

    Examples
    --------
    >>> given = {
    ...     "a": Given(np.array([[1.0, 2.0]]), labels=(None, ("Noir", "War"))),
    ...     "b": Given(np.array([[2.0, 1.0]]), labels=(None, ("War", "Noir"))),
    ... }
    >>> align(given, dict.fromkeys(given, ("users", "categories")))["b"].values.tolist()
    [[1.0, 2.0]]
    """
    aligned = turned(given, axes)
    for what in ("categories", "users"):
        first: tuple[str, tuple[Hashable, ...]] | None = None
        for name, array in aligned.items():
            if what not in axes[name]:
                continue
            axis = list(axes[name]).index(what) - len(axes[name])
            labels = array.of_axis(axis)
            if labels is None:
                continue
            if first is None:
                first = (name, labels)
            elif labels != first[1]:
                aligned[name] = array.taken(order(name, labels, first[1], first[0], what), axis)
    return aligned


def order(name: str, labels: Sequence[Any], wanted: Sequence[Any], other: str, what: str) -> list[int]:
    """Return the index in `labels` of each wanted label.

    Parameters
    ----------
    name, other : str
        The arguments that have `labels` and `wanted`, for messages.
    labels, wanted : sequence of hashable
        The labels of an axis of both.
    what : str
        The axis, for messages: "users" or "categories".

    Returns
    -------
    list of int
        One index for each wanted label.

    Raises
    ------
    InputError
        The labels differ, or one occurs twice.

    Examples
    --------
    >>> order("b", ["War", "Noir"], ["Noir", "War"], "a", "categories")
    [1, 0]
    """
    place = {label: i for i, label in enumerate(labels)}
    advice = "give both the same labels, or NumPy arrays (.to_numpy()) to go by position"
    missing = [label for label in wanted if label not in place]
    if missing or len(labels) != len(wanted) or len(place) != len(labels):
        extra = [label for label in labels if label not in set(wanted)]
        if missing or extra:
            only = f"{missing[0]!r} only in {other}" if missing else f"{extra[0]!r} only in {name}"
            raise InputError(f"{name}: the labels of its {what} differ from those of {other} ({only}); {advice}")
        raise InputError(f"{name}: a label of its {what} occurs twice, so it cannot be aligned with {other}; {advice}")
    if len(set(wanted)) != len(wanted):
        raise InputError(f"{name}: a label of its {what} occurs twice, so it cannot be aligned with {other}; {advice}")
    return [place[label] for label in wanted]


def turned(given: Mapping[str, Given], axes: Mapping[str, Sequence[str]]) -> dict[str, Given]:
    """Return arrays with named axes in the axis order of the largest array that ends in categories.

    Parameters
    ----------
    given : mapping of str to Given
        Arrays by name; those without names of axes are unchanged.
    axes : mapping of str to sequence of str
        The meaning of each axis of each array, counted from the last one.

    Returns
    -------
    dict of str to Given
        The arrays by name, transposed.

    Raises
    ------
    InputError
        The axes of two arrays differ.

    Examples
    --------
    >>> given = {
    ...     "a": Given(np.zeros((3, 2)), labels=(None, None), dims=("user", "genre")),
    ...     "b": Given(np.zeros((2, 3)), labels=(None, None), dims=("genre", "user")),
    ... }
    >>> turned(given, dict.fromkeys(given, ("users", "categories")))["b"].values.shape
    (3, 2)
    """
    named = {name: array.dims for name, array in given.items() if array.dims is not None}
    full: tuple[str, ...] = max((d for n, d in named.items() if axes[n][-1:] == ("categories",)), key=len, default=())
    made = dict(given)
    for name, dims in named.items():
        if not full or dims == full:
            continue
        expected = full if "categories" in axes[name] else full[:-1]
        others = [d for d in dims if d not in expected]
        order_of_axes = [d for d in expected if d in dims]
        if (
            len(others) != ("ranks" in axes[name])
            or tuple(order_of_axes) != expected[len(expected) - len(order_of_axes) :]
        ):
            raise InputError(f"{name}: its axes are {dims}, but those of the other array are {full}")
        places = [dims.index(d) for d in (*order_of_axes, *others)]
        array = given[name]
        labels = tuple(array.labels[place] for place in places)
        made[name] = replace(
            array, values=np.transpose(array.values, places), labels=labels, dims=(*order_of_axes, *others)
        )
    return made
