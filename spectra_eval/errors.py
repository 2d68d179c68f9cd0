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
    """Base class of the errors that spectra-eval raises."""


class InputError(SpectraError, ValueError):
    """A file, a table or an argument is not what it must be."""


class ShapeError(InputError):
    """Axes or lengths do not fit together."""


class SimplexError(InputError):
    """A row is negative, not finite, or does not sum to one."""


class SchemaError(InputError):
    """A file or a document has the wrong form."""


class LeakageError(InputError):
    """The evaluation window is in data that the model could have seen."""


class UnitError(SpectraError, TypeError):
    """An amount of information was used as a bare number."""


class UndefinedMetricError(SpectraError, ValueError):
    """A quantity has no value here, for instance a mean over no users."""


class AssumptionError(SpectraError, ValueError):
    """The assumptions of a statement do not hold."""


class UnknownNameError(SpectraError, LookupError):
    """Nothing is registered under this name."""


class DuplicateNameError(SpectraError, ValueError):
    """Two entries of one family claim the same name."""


class BackendError(SpectraError, RuntimeError):
    """A model could not be loaded or queried."""


class BackendUnavailable(BackendError, ImportError):
    """The optional libraries of a backend are not installed."""


class ModelLoadError(BackendError):
    """The files of a model are missing or unusable."""


class ProbeError(BackendError):
    """A prompt cannot be given to this model in the requested form."""


def one_line(error: object) -> str:
    r"""Return the text of an error on one line, without its own full stop.

    Examples
    --------
    >>> one_line(ValueError("no number\n  at byte 3."))
    'no number at byte 3'
    """
    return " ".join(str(error).split()).rstrip(".")


def first_line(error: BaseException) -> str:
    r"""Return the first line of an error that is not blank; the name of its class where there is none.

    Examples
    --------
    >>> first_line(RuntimeError("\nout of memory\ndetails")), first_line(RuntimeError())
    ('out of memory', 'RuntimeError')
    """
    lines = (line.strip() for line in str(error).splitlines())
    return next(filter(None, lines), type(error).__name__)
