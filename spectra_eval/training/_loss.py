"""The loss of one row: how far the model is from its target, with the gradient that training follows."""

from __future__ import annotations

from typing import Any

import numpy as np

from spectra_eval.training._pack import Row, tree_mask

__all__ = ["row_loss", "row_scores"]


def row_loss(model: Any, row: Row) -> Any:
    r"""Return the loss of one row, a scalar tensor in nats.

    For scores it is the cross-entropy of the softmax that the probe reads at temperature 1, with the offset added:

    .. math:: -\sum_j \theta^*_j \ln \mathrm{softmax}(S + b)_j

    For tokens it is their weighted mean negative log-probability.

    Parameters
    ----------
    model : transformers.PreTrainedModel or a wrapper of one
        With attention ``sdpa``, in which a mask of one's own is exact.
    row : Row
        What is read.
    """
    import torch

    target = torch.from_numpy(row.target).float()
    if row.labels is None:
        scores = row_scores(model, row)
        if row.offset is not None:
            scores = scores + torch.from_numpy(np.asarray(row.offset)).float().to(scores.device)
        return -(target.to(scores.device) * scores.log_softmax(dim=-1)).sum()
    logits = _logits(model, row)
    labels = torch.from_numpy(row.labels).to(logits.device)
    losses = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    return (target.to(logits.device) * losses).sum()


def row_scores(model: Any, row: Row) -> Any:
    """Return the K scores of a row, nats: mean logit of the affirmative answers minus that of the negative ones."""
    import torch

    assert row.answers is not None  # a row without labels has both
    assert row.signs is not None
    logits = _logits(model, row)
    read = logits[:, torch.from_numpy(row.answers).to(logits.device)]
    return read @ torch.from_numpy(row.signs).float().to(logits.device)  # the normaliser of each question cancels


def _logits(model: Any, row: Row) -> Any:
    import torch

    device = next(model.parameters()).device
    extra = {}
    if row.branch is not None:
        extra["attention_mask"] = torch.from_numpy(tree_mask(row.branch))[None, None].to(device)
    out = model(
        input_ids=torch.from_numpy(row.ids)[None].to(device),
        position_ids=torch.from_numpy(row.depth)[None].to(device),
        logits_to_keep=torch.from_numpy(row.reads).to(device),
        use_cache=False,
        **extra,
    )
    return out.logits[0].float()
