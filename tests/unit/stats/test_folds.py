"""Folds of users: by the hash of the name alone."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from spectra_eval.errors import InputError
from spectra_eval.stats.folds import user_folds

USERS = [f"user {i}" for i in range(40)]


def test_records_of_one_user_stay_together_and_order_does_not_matter() -> None:
    folds = user_folds([*USERS, *USERS])
    np.testing.assert_array_equal(folds[:40], folds[40:])
    np.testing.assert_array_equal(user_folds(USERS[::-1]), folds[:40][::-1])
    assert set(folds.tolist()) == set(range(5))


def test_the_fold_is_the_first_64_bits_of_the_hash_modulo_the_folds() -> None:
    expected = [int(hashlib.sha256(user.encode()).hexdigest()[:16], 16) % 3 for user in USERS]
    assert user_folds(USERS, folds=3).tolist() == expected


def test_one_fold_is_refused() -> None:
    with pytest.raises(InputError, match="folds: 1"):
        user_folds(USERS, folds=1)
