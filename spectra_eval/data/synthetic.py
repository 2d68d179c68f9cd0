"""Synthetic data with known ground truth, for evaluating estimates and certificates."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from spectra_eval.arrays import check_number, check_whole
from spectra_eval.data._base import DATASETS, Dataset
from spectra_eval.data._join import joined, text_column
from spectra_eval.data._leakage import located
from spectra_eval.data._timeline import timeline
from spectra_eval.errors import InputError, SchemaError
from spectra_eval.tables import Interactions, PreferenceTable

__all__ = ["World", "finish", "law_of", "predicted", "read"]

_DAY = 86_400
_START = 1_577_836_800  # 2020-01-01
_TAIL = 0.9


@dataclass(frozen=True, kw_only=True)
class World:
    """The settings of a synthetic data set with known ground truth.

    Attributes
    ----------
    users, categories, groups, items : int
        How many; the categories have `groups` parents, and every category has items of its own.
    sessions, session_length : float
        Their means per user and per session; both are 1 plus a Poisson number, independent of the user's distribution.
    skew : float
        Category of popularity rank r is chosen in proportion to ``r ** -skew``; so is an item in its category.
    concentration : float
        Total of the Dirichlet distribution around the popularity from which a user's distribution is drawn.
    niche : float
        The proportion of users whose distribution is drawn around the tail, the least popular third of categories.
    drift : float
        From the first day to the last a distribution moves this fraction of the way to a second one, drawn alike.
    days : int
        The length of the log; a user has at most one session a day, so sessions are 12 hours apart or more.
    seed : int
        Of everything.
    noise : float, optional
        If given, the table gets a `theta_s`: the true distribution with noise of this deviation on its logarithms.
    list_length : int
        If not 0, the table gets a `dg`: the largest categories of another noisy copy.
    list_noise : float
        How far that is disturbed.
    level : {"fine", "coarse"}
        The categories, or their groups.

    Raises
    ------
    InputError
        A setting is out of range, or two of them do not fit together.

    Examples
    --------
    >>> World(categories=4, groups=2).group.tolist()
    [0, 1, 0, 1]
    """

    users: int = 500
    categories: int = 24
    groups: int = 6
    items: int = 1200
    sessions: float = 12.0
    session_length: float = 6.0
    skew: float = 1.0
    concentration: float = 8.0
    niche: float = 0.2
    drift: float = 0.3
    days: int = 365
    seed: int = 0
    noise: float | None = None
    list_length: int = 0
    list_noise: float = 0.5
    level: str = "fine"

    def __post_init__(self) -> None:
        for name, least in (("users", 1), ("groups", 1), ("categories", 2), ("seed", 0), ("list_length", 0)):
            check_whole(name, getattr(self, name), least=least, most=2**63 - 1)
        if self.categories < self.groups:
            raise InputError(f"groups: {self.groups} for {self.categories} categories; every group has at least one")
        if self.items < self.categories:
            raise InputError(f"items: {self.items} for {self.categories} categories; every category has at least one")
        check_whole("items", self.items, least=1)
        for name in ("sessions", "session_length", "niche", "drift", "skew", "list_noise", "concentration", "days"):
            check_number(name, getattr(self, name))
        for name in ("sessions", "session_length"):
            if not 1.0 <= getattr(self, name) <= 40.0:
                raise InputError(f"{name}: {getattr(self, name)}; a mean of 1 to 40")
        if self.days < 4 * self.sessions:
            raise InputError(f"days: {self.days}; give at least 4 days a session, {4 * self.sessions:g} here")
        for name in ("niche", "drift"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise InputError(f"{name}: {getattr(self, name)}; a proportion between 0 and 1")
        for name in ("skew", "list_noise", *(["noise"] if self.noise is not None else [])):
            if not 0.0 <= getattr(self, name) < np.inf:
                raise InputError(f"{name}: {getattr(self, name)}; a finite number of at least 0")
        if not 0.0 < self.concentration < np.inf:
            raise InputError(f"concentration: {self.concentration}; a finite number above 0")
        if self.level not in ("fine", "coarse"):
            raise InputError(f"level: {self.level!r} is unknown; choose fine or coarse")

    @property
    def group(self) -> np.ndarray:
        """Return the group of each category, (K,) int, assigned in turn over the popularity ranks."""
        return np.arange(self.categories) % self.groups

    @property
    def popularity(self) -> np.ndarray:
        """Return the popularity of each category, (K,) float, the most popular first."""
        return _zipf(self.categories, self.skew)

    def laws(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw each user's first and last distribution, (users, K) each, and which users are niche."""
        rng = np.random.default_rng([self.seed, 1])
        niche = rng.random(self.users) < self.niche
        tail = np.arange(self.categories) >= self.categories - max(1, self.categories // 3)
        around_tail = _TAIL * tail / tail.sum() + (1 - _TAIL) * self.popularity
        around = np.where(niche[:, None], around_tail, self.popularity)
        first, second = (_dirichlet(rng, self.concentration * around) for _ in range(2))
        return first, second, niche


def read(source: str | Path | None = None, **options: Any) -> Interactions:
    """Generate the interactions of a synthetic data set, drawn from distributions that `law_of` returns.

    Every item has one category, and no two interactions of a user share a second. How many interactions a user has,
    and when, does not depend on the user's distribution: given the cut, the categories of a window are independent
    draws from that distribution at their times.

    Parameters
    ----------
    source : None
        There are no files.
    **options : any
        The fields of `World`, as numbers or as texts.

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
    >>> law = law_of(table, events)
    >>> law.shape, bool(np.allclose(law.sum(axis=1), 1.0)), table.parents
    ((20, 6), True, ('Group 1', 'Group 2', 'Group 1', 'Group 2', 'Group 1', 'Group 2'))
    """
    if source is not None:
        raise InputError(f"source: {str(source)!r}; synthetic data has no files; leave SOURCE out")
    world = World(**{name: _converted(name, value) for name, value in options.items()})
    user, time = _moments(world)
    category = _choices(world, user, time)
    rng = np.random.default_rng([world.seed, 3])
    per_category = np.full(world.categories, world.items // world.categories)
    per_category[: world.items % world.categories] += 1
    first = np.cumsum(per_category) - per_category
    item = np.empty(len(user), dtype=np.int64)
    for number, size in enumerate(per_category.tolist()):
        mine = np.flatnonzero(category == number)
        item[mine] = first[number] + rng.choice(size, len(mine), p=_zipf(size, world.skew))
    fine = [f"Kind {number + 1}" for number in range(world.categories)]
    groups = [f"Group {number + 1}" for number in range(world.groups)]
    bearer = np.repeat(np.arange(world.categories), per_category)
    titles = [f"{fine[c]} no. {i - first[c] + 1}" for i, c in enumerate(bearer.tolist())]
    names = text_column(f"i{number + 1}" for number in range(world.items))
    coarse = world.level == "coarse"
    return joined(
        user=user,
        user_names=text_column(f"u{number + 1}" for number in range(world.users)),
        item=item,
        item_names=names,
        titles=dict(zip(names.tolist(), titles, strict=True)),
        time=time,
        bundle=item,
        owner=np.arange(world.items),
        category=world.group[bearer] if coarse else bearer,
        n_bundles=world.items,
        categories=tuple(groups if coarse else fine),
        parents=None if coarse else tuple(groups[number] for number in world.group.tolist()),
        metadata={"dataset": "synthetic", "synthetic": asdict(world)},
        source="synthetic",
    )


def law_of(table: PreferenceTable, interactions: Interactions) -> np.ndarray:
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
        The interactions are no synthetic world.

    Examples
    --------
    >>> from spectra_eval.data import prepare
    >>> still = read(users=2, drift=0.0, seed=5)
    >>> law = law_of(prepare(still, horizons=["long", "short"]), still)
    >>> bool(np.all(law[0] == law[1])), bool(np.all(law[0] == law[2]))
    (True, False)
    """
    world = _settings_of(interactions)
    line = timeline(interactions)
    ranges = located(table, line)
    first, second, _ = world.laws()
    moved = np.concatenate([[0.0], np.cumsum(_moved(world, line.time))])
    share = (moved[ranges.stop] - moved[ranges.cut]) / (ranges.stop - ranges.cut)
    owner = np.array([int(name.removeprefix("u")) - 1 for name in line.names.tolist()])[ranges.user]
    law = _between(first[owner], second[owner], share)
    if world.level == "coarse":
        law = law @ (world.group[:, None] == np.arange(world.groups)).astype(np.float64)
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
    world = _settings_of(interactions)
    law = law_of(table, interactions)
    if world.list_length > law.shape[1]:
        raise InputError(f"list_length: {world.list_length} of {law.shape[1]} categories; choose fewer")
    added: dict[str, Any] = {}
    if world.noise is not None:
        added["theta_s"] = predicted(law, noise=world.noise, rng=np.random.default_rng([world.seed, 4]))
    if world.list_length:
        list_scores = predicted(law, noise=world.list_noise, rng=np.random.default_rng([world.seed, 5]))
        added["dg"] = np.argsort(-list_scores, axis=1, kind="stable")[:, : world.list_length]
    table = table.replace(**added) if added else table
    metadata = {**table.metadata, "target": "law"}
    return table, table.replace(counts=None, theta_star=law, metadata=metadata)


def _converted(name: str, value: Any) -> Any:
    """Convert an option to its type; the command line passes texts."""
    kinds = {item.name: str(item.type) for item in fields(World)}
    if name not in kinds:
        raise InputError(f"synthetic: no option {name!r}; choose from {', '.join(sorted(kinds))}")
    if kinds[name] == "str" or value is None:
        return value
    try:
        return int(value) if kinds[name] == "int" else float(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: {value!r} is no {'whole ' if kinds[name] == 'int' else ''}number") from error


def _settings_of(interactions: Interactions) -> World:
    knobs = interactions.metadata.get("synthetic")
    if knobs is None:
        raise SchemaError("interactions: not synthetic; only synthetic data has known true distributions")
    return World(**knobs)


def _zipf(size: int, skew: float) -> np.ndarray:
    weights = np.arange(1.0, size + 1.0) ** -skew
    return weights / weights.sum()


def _dirichlet(rng: np.random.Generator, concentrations: np.ndarray) -> np.ndarray:
    """Draw a Dirichlet row for each row, without 0/0 for tiny concentrations."""
    logs = np.log(rng.standard_gamma(concentrations + 1.0)) + np.log(rng.random(concentrations.shape)) / concentrations
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def _moments(world: World) -> tuple[np.ndarray, np.ndarray]:
    """Draw users and times: one session per day, between 9 and 17 o'clock, some minutes between events."""
    rng = np.random.default_rng([world.seed, 2])
    users, times = [], []
    for user in range(world.users):
        sessions = min(1 + rng.poisson(world.sessions - 1.0), world.days)
        for day in np.sort(rng.choice(world.days, sessions, replace=False)).tolist():
            length = min(1 + rng.poisson(world.session_length - 1.0), 60)
            pauses = rng.integers(10, 180, length)
            start = _START + day * _DAY + int(rng.integers(9 * 3600, 17 * 3600))
            times.append(start + np.cumsum(pauses))
            users.append(np.full(length, user))
    return np.concatenate(users), np.concatenate(times)


def _moved(world: World, time: np.ndarray) -> np.ndarray:
    """Return the fraction of the drift that is completed at each time."""
    return world.drift * (time - _START) / (world.days * _DAY)


def _between(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    return (1.0 - share[:, None]) * first + share[:, None] * second


def _choices(world: World, user: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Draw the category of each event from the user's distribution at its time."""
    rng = np.random.default_rng([world.seed, 6])
    first, second, _ = world.laws()
    share = _moved(world, time)
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
        options=tuple(item.name for item in fields(World)),
        needs_source=False,
        finish=finish,
    )
)
