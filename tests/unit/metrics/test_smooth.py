"""Smooth calibration error: against a direct sum over the images of the reflected kernel."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

from spectra_eval.metrics import METRICS, soft_ece
from spectra_eval.metrics.smooth import smooth_ece


def direct(theta_star: np.ndarray, theta_s: np.ndarray) -> float:
    held, residual = theta_s.ravel(), (theta_s - theta_star).ravel()
    grid = np.linspace(0, 1, 2001)

    def size(width: float) -> float:
        smoothed = np.zeros_like(grid)
        for image in range(-6, 7):
            for centre in (2 * image + held, 2 * image - held):
                bells = np.exp(-((grid[:, None] - centre) ** 2) / (2 * width**2)) / (np.sqrt(2 * np.pi) * width)
                smoothed += bells @ residual
        return float(np.trapezoid(np.abs(smoothed) / len(held), grid))

    return float(brentq(lambda width: size(width) - width, 1e-3, 1.0))


@pytest.mark.parametrize("concentration", [0.05, 0.3, 1.0])
def test_against_the_definition(concentration: float) -> None:
    rng = np.random.default_rng(0)
    truth = rng.dirichlet(np.full(6, concentration), 20)
    held = rng.dirichlet(np.ones(6), 20)
    assert smooth_ece(truth, held) == pytest.approx(direct(truth, held), rel=1e-3)
    assert smooth_ece(truth, 0.8 * truth + 0.2 * held) == pytest.approx(
        direct(truth, 0.8 * truth + 0.2 * held), rel=1e-2
    )


def test_it_is_continuous_where_bins_are_not() -> None:
    truth = np.array([[0.0, 1.0], [1.0, 0.0]])
    at, below = np.array([[0.5, 0.5], [0.5, 0.5]]), np.array([[0.5 - 1e-9, 0.5 + 1e-9], [0.5, 0.5]])
    assert abs(soft_ece(truth, at) - soft_ece(truth, below)) > 0.2
    # The slope is at most one over the narrowest bandwidth, the 1/128 of the grid.
    assert abs(smooth_ece(truth, at) - smooth_ece(truth, below)) < 128 * 1e-9


def test_zero_where_the_model_holds_the_truth_and_batches_agree() -> None:
    rng = np.random.default_rng(1)
    truth = rng.dirichlet(np.ones(5), 30)
    assert smooth_ece(truth, truth) == 0.0
    entry = METRICS["smooth_ece"]
    assert entry.stage == "emerging"
    means = np.stack([np.zeros(129), rng.standard_normal(129) / 500])
    batch = entry.value(means)
    assert batch.shape == (2,)
    assert batch[0] == 0.0
    assert batch[1] == entry.value(means[1])


def test_residuals_that_alternate_from_point_to_point_keep_what_the_kernel_leaves_of_them() -> None:
    # A comb of alternating signs has one cosine, of order 128; a bandwidth of one cell damps it by exp(-pi^2 / 2), and
    # the images of the kernel, summed here, say the same.
    size = 1e-3
    comb = size * (-1.0) ** np.arange(129)
    comb[[0, -1]] /= 2
    centres = np.arange(-640, 769) / 128
    signs = (-1.0) ** np.arange(-640, 769)
    width = 1 / 128
    at_zero = size * float(signs @ np.exp(-(centres**2) / (2 * width**2))) / (np.sqrt(2 * np.pi) * width)
    value = float(METRICS["smooth_ece"].value(comb))
    assert value == pytest.approx(2 * 128 * size * np.exp(-(np.pi**2) / 2), rel=1e-12)
    assert value == pytest.approx(abs(at_zero), rel=1e-9)
