"""Synthetic data with known ground truth, for evaluating estimates and certificates."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from spectra_eval._moved import earlier_names
from spectra_eval.data._base import DATASETS, Dataset
from spectra_eval.data._join import joined, text_column
from spectra_eval.data._leakage import located
from spectra_eval.data._synthetic_settings import SyntheticSettings, zipf
from spectra_eval.data._timeline import timeline
from spectra_eval.errors import InputError, SchemaError
from spectra_eval.tables import Interactions, PreferenceTable

__all__ = ["SyntheticSettings", "finish", "predicted", "read", "true_distributions"]

__getattr__ = earlier_names(__name__, {"World": "SyntheticSettings", "law_of": "true_distributions"})

_DAY = 86_400
_START = 1_577_836_800  # 2020-01-01


def read(source: str | Path | None = None, **options: Any) -> Interactions:
    """Generate the interactions of a synthetic data set, drawn from distributions that `true_distributions` returns.

    Every item has one category, and no two interactions of a user share a second. How many interactions a user has,
    and when, does not depend on the user's distribution: given the cut, the categories of a window are independent
    draws from that distribution at their times.

    Parameters
    ----------
    source : None
        There are no files.
    **options : any
        The fields of `SyntheticSettings`, as numbers or as texts.

    Returns
    -------
    Interactions
        Users in order, each user's events in time; ``metadata["synthetic"]`` holds every setting.

    Raises
    ------
    InputError
        A setting has no such value, or a source is named.

    Examples
    --------
    >>> from spectra_eval.data import prepare
    >>> events = read(users=20, categories=6, groups=2, seed=1)
    >>> table = prepare(events)
    >>> law = true_distributions(table, events)
    >>> law.shape, bool(np.allclose(law.sum(axis=1), 1.0)), table.parents
    ((20, 6), True, ('Group 1', 'Group 2', 'Group 1', 'Group 2', 'Group 1', 'Group 2'))
    """
    if source is not None:
        raise InputError(f"source: {str(source)!r}; synthetic data has no files; leave SOURCE out")
    settings = SyntheticSettings(**{name: _converted(name, value) for name, value in options.items()})
    user, time = _moments(settings)
    category = _choices(settings, user, time)
    rng = np.random.default_rng([settings.seed, 3])
    per_category = np.full(settings.categories, settings.items // settings.categories)
    per_category[: settings.items % settings.categories] += 1
    first = np.cumsum(per_category) - per_category
    item = np.empty(len(user), dtype=np.int64)
    for number, size in enumerate(per_category.tolist()):
        mine = np.flatnonzero(category == number)
        item[mine] = first[number] + rng.choice(size, len(mine), p=zipf(size, settings.skew))
    fine = [f"Kind {number + 1}" for number in range(settings.categories)]
    groups = [f"Group {number + 1}" for number in range(settings.groups)]
    bearer = np.repeat(np.arange(settings.categories), per_category)
    titles = [f"{fine[c]} no. {i - first[c] + 1}" for i, c in enumerate(bearer.tolist())]
    names = text_column(f"i{number + 1}" for number in range(settings.items))
    coarse = settings.level == "coarse"
    return joined(
        user=user,
        user_names=text_column(f"u{number + 1}" for number in range(settings.users)),
        item=item,
        item_names=names,
        titles=dict(zip(names.tolist(), titles, strict=True)),
        time=time,
        bundle=item,
        owner=np.arange(settings.items),
        category=settings.group[bearer] if coarse else bearer,
        n_bundles=settings.items,
        categories=tuple(groups if coarse else fine),
        parents=None if coarse else tuple(groups[number] for number in settings.group.tolist()),
        metadata={"dataset": "synthetic", "synthetic": asdict(settings)},
        source="synthetic",
    )


def true_distributions(table: PreferenceTable, interactions: Interactions) -> np.ndarray:
    """Return the true distribution of each window: the mean of the user's distribution over its interactions.

    Parameters
    ----------
    table : PreferenceTable
        What `prepare` made of the interactions, with whatever split, windows and horizons.
    interactions : Interactions
        What `read` made.

    Returns
    -------
    (N, K) float array
        One distribution per record, rows on the simplex: the expectation of ``theta_star`` given users and times.

    Raises
    ------
    SchemaError
        The interactions are not synthetic.

    Examples
    --------
    >>> from spectra_eval.data import prepare
    >>> still = read(users=2, drift=0.0, seed=5)
    >>> law = true_distributions(prepare(still, horizons=["long", "short"]), still)
    >>> bool(np.all(law[0] == law[1])), bool(np.all(law[0] == law[2]))
    (True, False)
    """
    settings = _settings_of(interactions)
    line = timeline(interactions)
    ranges = located(table, line)
    first, second, _ = settings.distributions()
    moved = np.concatenate([[0.0], np.cumsum(_moved(settings, line.time))])
    share = (moved[ranges.stop] - moved[ranges.cut]) / (ranges.stop - ranges.cut)
    owner = np.array([int(name.removeprefix("u")) - 1 for name in line.names.tolist()])[ranges.user]
    law = _between(first[owner], second[owner], share)
    if settings.level == "coarse":
        law = law @ (settings.group[:, None] == np.arange(settings.groups)).astype(np.float64)
    return law


def predicted(law: np.ndarray, *, noise: float, rng: np.random.Generator) -> np.ndarray:
    """Return the prediction of a model of a given quality: the true distribution with normal noise on its logarithms.

    Parameters
    ----------
    law : (N, K) float array
        Rows on the simplex.
    noise : float
        Standard deviation in nats; 0 returns the true distribution.
    rng : numpy.random.Generator
        Source of the noise.

    Returns
    -------
    (N, K) float array
        Rows on the simplex.

    Examples
    --------
    >>> law = np.array([[0.7, 0.3]])
    >>> predicted(law, noise=0.0, rng=np.random.default_rng(0)).round(12).tolist()
    [[0.7, 0.3]]
    """
    weights = law * np.exp(noise * rng.standard_normal(law.shape))
    return weights / weights.sum(axis=1, keepdims=True)


def finish(table: PreferenceTable, interactions: Interactions) -> tuple[PreferenceTable, PreferenceTable]:
    """Add predictions of the given quality to a table; return it and the table of the true distributions.

    Parameters
    ----------
    table : PreferenceTable
        The table that `prepare` made of the interactions.
    interactions : Interactions
        The interactions that `read` generated.

    Returns
    -------
    table : PreferenceTable
        With `theta_s` where `noise` was set, and `dg` where `list_length` was. Neither depends on a window.
    law : PreferenceTable
        The same records and predictions with the true distribution as `theta_star`; ``metadata["target"]`` is ``law``.

    Raises
    ------
    InputError
        The lists are longer than there are categories.
    SchemaError
        The interactions are no synthetic data.

    Examples
    --------
    >>> from spectra_eval.data import prepare
    >>> events = read(users=3, noise=0.2, list_length=2)
    >>> table, law = finish(prepare(events), events)
    >>> table.theta_s.shape, table.dg.shape, law.metadata["target"]
    ((3, 24), (3, 2), 'law')
    """
    settings = _settings_of(interactions)
    law = true_distributions(table, interactions)
    if settings.list_length > law.shape[1]:
        raise InputError(f"list_length: {settings.list_length} of {law.shape[1]} categories; choose fewer")
    added: dict[str, Any] = {}
    if settings.noise is not None:
        added["theta_s"] = predicted(law, noise=settings.noise, rng=np.random.default_rng([settings.seed, 4]))
    if settings.list_length:
        list_scores = predicted(law, noise=settings.list_noise, rng=np.random.default_rng([settings.seed, 5]))
        added["dg"] = np.argsort(-list_scores, axis=1, kind="stable")[:, : settings.list_length]
    table = table.replace(**added) if added else table
    metadata = {**table.metadata, "target": "law"}
    return table, table.replace(counts=None, theta_star=law, metadata=metadata)


def _converted(name: str, value: Any) -> Any:
    """Convert an option to its type; the command line passes texts."""
    kinds = {item.name: str(item.type) for item in fields(SyntheticSettings)}
    if name not in kinds:
        raise InputError(f"synthetic: no option {name!r}; choose from {', '.join(sorted(kinds))}")
    if kinds[name] == "str" or value is None:
        return value
    try:
        return int(value) if kinds[name] == "int" else float(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: {value!r} is no {'whole ' if kinds[name] == 'int' else ''}number") from error


def _settings_of(interactions: Interactions) -> SyntheticSettings:
    found = interactions.metadata.get("synthetic")
    if found is None:
        raise SchemaError("interactions: not synthetic; only synthetic data has known true distributions")
    return SyntheticSettings(**found)


def _moments(settings: SyntheticSettings) -> tuple[np.ndarray, np.ndarray]:
    """Draw users and times: one session per day, between 9 and 17 o'clock, some minutes between events."""
    rng = np.random.default_rng([settings.seed, 2])
    users, times = [], []
    for user in range(settings.users):
        sessions = min(1 + rng.poisson(settings.sessions - 1.0), settings.days)
        for day in np.sort(rng.choice(settings.days, sessions, replace=False)).tolist():
            length = min(1 + rng.poisson(settings.session_length - 1.0), 60)
            pauses = rng.integers(10, 180, length)
            start = _START + day * _DAY + int(rng.integers(9 * 3600, 17 * 3600))
            times.append(start + np.cumsum(pauses))
            users.append(np.full(length, user))
    return np.concatenate(users), np.concatenate(times)


def _moved(settings: SyntheticSettings, time: np.ndarray) -> np.ndarray:
    """Return the fraction of the drift that is completed at each time."""
    return settings.drift * (time - _START) / (settings.days * _DAY)


def _between(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    return (1.0 - share[:, None]) * first + share[:, None] * second


def _choices(settings: SyntheticSettings, user: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Draw the category of each event from the user's distribution at its time."""
    rng = np.random.default_rng([settings.seed, 6])
    first, second, _ = settings.distributions()
    share = _moved(settings, time)
    chosen = np.empty(len(user), dtype=np.int64)
    for low in range(0, len(user), 1 << 16):
        part = slice(low, low + (1 << 16))
        steps = np.cumsum(_between(first[user[part]], second[user[part]], share[part]), axis=1)
        draws = rng.random(len(steps)) * steps[:, -1]
        chosen[part] = (draws[:, None] >= steps).sum(axis=1)
    return chosen


DATASETS.add(
    Dataset(
        name="synthetic",
        read=read,
        summary="Synthetic data with known ground truth: popularity skew, niche users, drift, sessions, two levels.",
        reference="Dirichlet distributions around a Zipf popularity; defined here",
        options=tuple(item.name for item in fields(SyntheticSettings)),
        needs_source=False,
        finish=finish,
    )
)
