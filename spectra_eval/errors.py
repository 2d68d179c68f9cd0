"""The errors that spectra-eval raises.

::

    SpectraError
    ├── InputError (ValueError)             a file, a table or an argument is not what it must be
    │   ├── ShapeError                      axes or lengths do not fit together
    │   ├── SimplexError                    a row is not a probability distribution
    │   ├── SchemaError                     a file or a document has the wrong form
    │   └── LeakageError                    the evaluation window could be seen by the model
    ├── UnitError (TypeError)               an amount of information was used as a bare number
    ├── UndefinedMetricError (ValueError)   a quantity has no value here; never 0.0, never a silent NaN
    ├── AssumptionError (ValueError)        the assumptions of a statement do not hold
    ├── UnknownNameError (LookupError)      nothing is registered under this name
    ├── DuplicateNameError (ValueError)     two entries claim one name
    └── BackendError (RuntimeError)         a model could not be loaded or queried
        ├── BackendUnavailable (ImportError)   its extra is not installed
        ├── ModelLoadError                  the model's files are missing or unusable
        └── ProbeError                      this model cannot answer a prompt

A message is one line: the argument, the place and the fix.
"""

from __future__ import annotations

__all__ = [
    "AssumptionError",
    "BackendError",
    "BackendUnavailable",
    "DuplicateNameError",
    "InputError",
    "LeakageError",
    "ModelLoadError",
    "ProbeError",
    "SchemaError",
    "ShapeError",
    "SimplexError",
    "SpectraError",
    "UndefinedMetricError",
    "UnitError",
    "UnknownNameError",
    "first_line",
    "one_line",
]


class SpectraError(Exception):
    """Base class of the errors that spectra-eval raises.

    Examples
    --------
    >>> from spectra_eval.arrays import check_level
    >>> try:
    ...     check_level("level", 2)
    ... except SpectraError as error:
    ...     print(error)
    level: 2 is not strictly between 0 and 1
    """


class InputError(SpectraError, ValueError):
    """A file, a table or an argument is not what it must be.

    Examples
    --------
    >>> from spectra_eval.arrays import check_level
    >>> check_level("level", 2)
    Traceback (most recent call last):
    ...
    spectra_eval.errors.InputError: level: 2 is not strictly between 0 and 1
    """


class ShapeError(InputError):
    """Axes or lengths do not fit together.

    Examples
    --------
    >>> from spectra_eval.arrays import as_simplex
    >>> as_simplex(theta=0.5)
    Traceback (most recent call last):
    ...
    spectra_eval.errors.ShapeError: theta: needs a last axis of categories, got shape ()
    """


class SimplexError(InputError):
    """A row is negative, not finite, or does not sum to one.

    Examples
    --------
    >>> from spectra_eval.arrays import as_simplex
    >>> as_simplex(theta=[[0.6, 0.6]])
    Traceback (most recent call last):
    ...
    spectra_eval.errors.SimplexError: theta: row 0: sums to 1.2; normalise it or pass counts
    """


class SchemaError(InputError):
    """A file or a document has the wrong form.

    Examples
    --------
    >>> from spectra_eval.audit.conformance import conform
    >>> conform({})
    Traceback (most recent call last):
    ...
    spectra_eval.errors.SchemaError: vectors: no mapping 'groups'; give a file of golden vectors
    """


class LeakageError(InputError):
    """The evaluation window is in data that the model could have seen.

    Examples
    --------
    Raised by `spectra_eval.data.check_leakage`, whose example shows it.

    >>> issubclass(LeakageError, InputError)
    True
    """


class UnitError(SpectraError, TypeError):
    """An amount of information was used as a bare number.

    Examples
    --------
    >>> from spectra_eval.units import Information
    >>> float(Information(1.0))
    Traceback (most recent call last):
    ...
    spectra_eval.errors.UnitError: an amount of information is not a bare number: read .nats or .bits
    """


class UndefinedMetricError(SpectraError, ValueError):
    """A quantity has no value here, for instance a mean over no users.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra_eval.metrics import exposure_entropy
    >>> exposure_entropy(np.empty((0, 2)), k=1)
    Traceback (most recent call last):
    ...
    spectra_eval.errors.UndefinedMetricError: theta_s: no users; give at least one row
    """


class AssumptionError(SpectraError, ValueError):
    """The assumptions of a statement do not hold.

    Examples
    --------
    Raised for instance by a certificate whose claim needs a column that the table lacks.

    >>> issubclass(AssumptionError, ValueError)
    True
    """


class UnknownNameError(SpectraError, LookupError):
    """Nothing is registered under this name.

    Examples
    --------
    >>> from spectra_eval.metrics import METRICS
    >>> METRICS["js_divergance"]
    Traceback (most recent call last):
    ...
    spectra_eval.errors.UnknownNameError: no metric named 'js_divergance'; near: js_divergence, kl_divergence
    """


class DuplicateNameError(SpectraError, ValueError):
    """Two entries of one family claim the same name.

    Examples
    --------
    >>> import dataclasses
    >>> from spectra_eval.metrics import METRICS
    >>> METRICS.add(dataclasses.replace(METRICS["brier"]))
    Traceback (most recent call last):
    ...
    spectra_eval.errors.DuplicateNameError: metric 'brier' is registered twice; rename one of the two
    """


class BackendError(SpectraError, RuntimeError):
    """A model could not be loaded or queried.

    Examples
    --------
    >>> from spectra_eval.probing.backends import open
    >>> try:
    ...     with open("mocked", crash_at=1) as session:
    ...         session.score([])
    ... except BackendError as error:
    ...     print(error)
    mocked: crash at call 1, as set by crash_at
    """


class BackendUnavailable(BackendError, ImportError):
    """The optional libraries of a backend are not installed.

    Examples
    --------
    The message names the extra to install, for instance ``pip install 'spectra-eval[plots]'``.

    >>> issubclass(BackendUnavailable, ImportError)
    True
    """


class ModelLoadError(BackendError):
    """The files of a model are missing or unusable.

    Examples
    --------
    >>> from spectra_eval.probing.backends import open
    >>> with open("mocked", model="gpt"):
    ...     pass
    Traceback (most recent call last):
    ...
    spectra_eval.errors.ModelLoadError: mocked: no mock is called 'gpt'; known: uniform, random
    """


class ProbeError(BackendError):
    """A prompt cannot be given to this model in the requested form.

    Examples
    --------
    >>> from spectra_eval.probing.backends import open
    >>> with open("mocked", crash_at=1) as session:
    ...     session.score([])
    Traceback (most recent call last):
    ...
    spectra_eval.errors.ProbeError: mocked: crash at call 1, as set by crash_at
    """


def one_line(error: object) -> str:
    r"""Return the text of an error on one line, without its own full stop.

    Parameters
    ----------
    error : object
        An error, or its text.

    Returns
    -------
    str
        The words with one blank between them.

    Examples
    --------
    >>> one_line(ValueError("no number\n  at byte 3."))
    'no number at byte 3'
    """
    return " ".join(str(error).split()).rstrip(".")


def first_line(error: BaseException) -> str:
    r"""Return the first line of an error that is not blank; the name of its class where there is none.

    Parameters
    ----------
    error : BaseException
        The error.

    Returns
    -------
    str
        The line, without blanks at its ends.

    Examples
    --------
    >>> first_line(RuntimeError("\nout of memory\ndetails")), first_line(RuntimeError())
    ('out of memory', 'RuntimeError')
    """
    lines = (line.strip() for line in str(error).splitlines())
    return next(filter(None, lines), type(error).__name__)
