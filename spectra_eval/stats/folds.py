"""Assignment of users to folds by a hash of their name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from spectra_eval.errors import InputError

__all__ = ["FOLDS", "user_folds"]

FOLDS = 5
"""The default number of folds."""


def user_folds(users: Iterable[str], *, folds: int = FOLDS) -> np.ndarray:
    """Assign users to folds by the SHA-256 of their name: all records of a user are in the same fold, on any machine.

    Parameters
    ----------
    users : iterable of str
        The user of each record, (N,).
    folds : int
        The number of folds, at least 2.

    Returns
    -------
    (N,) int array
        The fold of each record, 0 to ``folds - 1``.

    Raises
    ------
    InputError
        Fewer than two folds.

    Examples
    --------
    >>> user_folds(["ann", "bob", "ann", "eve"]).tolist()
    [0, 0, 0, 4]
    """
    if folds < 2:
        raise InputError(f"folds: {folds} is below 2; a temperature must be fitted on other users")
    return np.array([int.from_bytes(hashlib.sha256(str(user).encode()).digest()[:8], "big") % folds for user in users])
