"""The fast reading: an own pass through models of the Llama kind, with attention split at the common opening.

All tokens, those of the opening and those of every ending, go side by side through the matrix products.
Attention alone keeps them apart: the opening sees itself, an ending sees the opening, which is never copied,
and itself. What nobody reads is not computed: the last layer and the head see one row a prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from spectra_eval.probing.backends._hf_tree import TokenRequest, chunks_of, common_opening, log_probs
from spectra_eval.probing.backends._hf_weights import Memory, Weights

__all__ = ["split"]

_MOST_SCORES = 1 << 24
"""Attention scores that are held at once: 64 MiB."""
_MOST_HEADS = 8
"""Beginnings that are remembered; a session knows one for each message to the system."""


def split(model: Any, token_requests: Sequence[TokenRequest], *, chunk: int) -> list[np.ndarray]:
    """Read the common opening of each request once, and its endings packed side by side.

    An ending attends to its opening and to itself. The requests go side by side through the products: in the last
    digits an answer may depend on the other requests.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        Of one of `_hf_weights.FAMILIES`, without windows, in evaluation mode. Its matrices become views of fused ones.
    token_requests : sequence of TokenRequest
        What is read in one go. The `lead` of each is read once, by itself, and remembered: what follows is the same
        whichever request came first.
    chunk : int
        Most tokens of an opening, and most of the endings of a request, in one pass.

    Returns
    -------
    list of (R, V) float64 arrays
        Log-probabilities, nats.

    Raises
    ------
    ProbeError
        The model holds something that this pass does not know; the message says what.
    """
    import torch

    if model not in _READ:
        _READ[model] = Weights.of(model)
    weights = _READ[model]
    found = [np.empty((len(item.prompts), len(item.answers))) for item in token_requests]
    with torch.inference_mode():
        trees = [_Tree.of(weights, item, chunk) for item in token_requests]
        for number in range(max(len(tree.pieces) for tree in trees) - 1):
            some = [tree for tree in trees if number < len(tree.pieces) - 1]
            _pass(weights, [_Walk(tree, tree.pieces[number], range(0)) for tree in some])
        for number in range(max(len(tree.parts) for tree in trees)):
            places = [i for i, tree in enumerate(trees) if number < len(tree.parts)]
            walks = [trees[i].walk(number) for i in places]
            logits = model.get_output_embeddings()(weights.norm(_pass(weights, walks)))
            for i, walk, rows in zip(places, walks, logits.split([len(walk.part) for walk in walks]), strict=True):
                found[i][[walk.tree.order[j] for j in walk.part]] = log_probs(rows, token_requests[i].answers)
    return found


@dataclass(frozen=True)
class _Tree:
    """One request: an opening that is remembered, and endings.

    Attributes
    ----------
    head : list of int
        The opening.
    endings : list of token lists
        In order of length: they are padded to the longest of a pass.
    order : list of int
        Which prompt each of them ends.
    pieces : list of range
        The parts of the opening that are read one after the other, the remembered lead aside.
    parts : list of range
        The endings that are read together.
    memory : Memory
        Keys and values of the opening.
    """

    head: list[int]
    endings: list[list[int]]
    order: list[int]
    pieces: list[range]
    parts: list[range]
    memory: Memory

    @classmethod
    def of(cls, weights: Weights, item: TokenRequest, chunk: int) -> _Tree:
        """Return the layout of a request; called in inference mode."""
        opening = common_opening(item.prompts)
        head = list(item.prompts[0][:opening])
        order = sorted(range(len(item.prompts)), key=lambda i: len(item.prompts[i]))
        endings = [list(item.prompts[i][opening:]) for i in order]
        lead = min(item.lead, opening)
        memory = Memory.empty(weights, opening)
        if lead:
            known = _remembered(weights, head[:lead], chunk)
            memory.keys[:, :, :lead], memory.values[:, :, :lead] = known.keys, known.values
        parts = list(chunks_of([len(ending) for ending in endings], chunk))
        return cls(head, endings, order, _pieces(lead, opening, chunk), parts, memory)

    def walk(self, number: int) -> _Walk:
        """Return a part of the endings, with the last piece of the opening before the first of them."""
        end = len(self.head)
        return _Walk(self, self.pieces[-1] if number == 0 else range(end, end), self.parts[number])


@dataclass(frozen=True)
class _Walk:
    """What one pass reads of a request: a piece of its opening, and a part of its endings."""

    tree: _Tree
    piece: range
    part: range

    @property
    def endings(self) -> list[list[int]]:
        """The endings of the part."""
        return [self.tree.endings[i] for i in self.part]


def _pieces(start: int, stop: int, size: int) -> list[range]:
    return [range(at, min(at + size, stop)) for at in range(start, stop, size)] or [range(stop, stop)]


def _remembered(weights: Weights, head: list[int], chunk: int) -> Memory:
    """Return keys and values of tokens with which many requests begin; called in inference mode."""
    key = tuple(head)
    if key not in weights.heads_read:
        if len(weights.heads_read) >= _MOST_HEADS:
            weights.heads_read.clear()
        memory = Memory.empty(weights, len(head))
        tree = _Tree(head, [], [], _pieces(0, len(head), chunk), [], memory)
        for piece in tree.pieces:
            _pass(weights, [_Walk(tree, piece, range(0))])
        weights.heads_read[key] = memory
    return weights.heads_read[key]


_READ: WeakKeyDictionary[Any, Weights] = WeakKeyDictionary()


def _pass(weights: Weights, walks: Sequence[_Walk]) -> Any:
    """Read pieces of openings, which are remembered, and some endings; give the hidden row of each last token.

    Returns
    -------
    (R, hidden) tensor
        Before the last norm; the endings of the first walk first.
    """
    import torch

    device = weights.embed.weight.device
    tokens: list[int] = []
    depth: list[np.ndarray] = []
    grids = []
    for walk in walks:
        head, endings = walk.tree.head, walk.endings
        grids.append(_Grid.of(walk, len(tokens), device))
        tokens += [*(head[i] for i in walk.piece), *(token for ending in endings for token in ending)]
        depth += [np.arange(walk.piece.start, walk.piece.stop), *(len(head) + np.arange(len(some)) for some in endings)]
    hidden = weights.embed(torch.tensor(tokens, device=device)).to(weights.dtype)
    turn = _turn(weights, hidden, torch.from_numpy(np.concatenate(depth)).to(device))
    ends = torch.cat([grid.own.start + grid.last for grid in grids])
    for number in range(len(weights.layers)):
        hidden = _layer(weights, number, hidden, turn, grids, ends)
    return hidden


@dataclass(frozen=True)
class _Grid:
    """Where the tokens of R endings of up to L tokens lie.

    Attributes
    ----------
    walk : _Walk
        What is read; the rows of a piece of the opening come before those of the endings.
    own : slice
        Its rows among all rows of a pass; all others are counted from the first of them.
    rows : (R * L,) int tensor
        Row of each place of the padded grid; a place that pads repeats the ending's last token.
    back : int tensor
        Place in the grid of each row of an ending.
    last : (R,) int tensor
        Row of each last token.
    unseen : (L, L) bool tensor
        True where a place may not look: what follows it, padding among it.
    last_unseen : (R, L) bool tensor
        The same for the last token of each ending.
    """

    walk: _Walk
    own: slice
    shape: tuple[int, int]
    rows: Any
    back: Any
    last: Any
    unseen: Any
    last_unseen: Any

    @classmethod
    def of(cls, walk: _Walk, first: int, device: Any) -> _Grid:
        """Return the layout of the endings of a walk whose rows begin at `first`."""
        import torch

        sizes = np.array([len(ending) for ending in walk.endings], dtype=np.int64)
        n_lead = len(walk.piece)
        longest = int(sizes.max(initial=0))
        place = np.arange(longest)
        start = n_lead + np.cumsum(sizes) - sizes
        rows = start[:, None] + np.minimum(place, sizes[:, None] - 1)
        filled = place < sizes[:, None]

        def moved(array: np.ndarray) -> Any:
            return torch.from_numpy(np.ascontiguousarray(array)).to(device)

        return cls(
            walk=walk,
            own=slice(first, first + n_lead + int(sizes.sum())),
            shape=(len(sizes), longest),
            rows=moved(rows.ravel()),
            back=moved(np.flatnonzero(filled.ravel())),
            last=moved(start + sizes - 1),
            unseen=moved(place[None, :] > place[:, None]),
            last_unseen=moved(~filled),
        )


def _layer(
    weights: Weights,
    number: int,
    hidden: Any,
    turn: tuple[Any, Any],
    grids: Sequence[_Grid],
    ends: Any,
) -> Any:
    """Go through one layer; the last one computes only the rows that are read, `ends`."""
    import torch
    from torch.nn.functional import silu

    layer, last = weights.layers[number], number == len(weights.layers) - 1
    heads, kv_heads, width = weights.heads, weights.kv_heads, weights.width
    n_q, n_kv = heads * width, kv_heads * width
    normed = layer.attention_norm(hidden)
    if last:
        joined = _product(normed, layer.qkv, slice(n_q, None))
        q = _product(normed[ends], layer.qkv, slice(n_q)).view(-1, heads, width)
        hidden = hidden[ends]
        if layer.q_norm is not None:
            q = layer.q_norm(q)
        q = _turned(q, tuple(part[ends] for part in turn))
        k = joined[:, :n_kv].view(-1, kv_heads, width)
        k = _turned(k if layer.k_norm is None else layer.k_norm(k), turn)
    else:
        joined = _product(normed, layer.qkv)
        q, k = joined[:, :n_q].view(-1, heads, width), joined[:, n_q : n_q + n_kv].view(-1, kv_heads, width)
        if layer.q_norm is not None:
            q.copy_(layer.q_norm(q))
            k.copy_(layer.k_norm(k))
        q, k = _turned(joined[:, : n_q + n_kv].view(-1, heads + kv_heads, width), turn).split([heads, kv_heads], dim=1)
    v = joined[:, -n_kv:].view(-1, kv_heads, width)
    seen: list[Any] = []
    queries = q.split([grid.shape[0] for grid in grids]) if last else [q[grid.own] for grid in grids]
    for grid, own_q in zip(grids, queries, strict=True):
        seen += _attended(own_q, k[grid.own], v[grid.own], number, grid, weights.scaling, last=last)
    if not seen:  # the last layer of a pass without endings: only its keys and values are wanted
        return hidden
    hidden = _product(torch.cat(seen) if len(seen) > 1 else seen[0], layer.out).add_(hidden)
    gate_up = _product(layer.mlp_norm(hidden), layer.gate_up)
    half = gate_up.shape[1] // 2
    return _product(silu(gate_up[:, :half]).mul_(gate_up[:, half:]), layer.down).add_(hidden)


def _attended(q: Any, k: Any, v: Any, number: int, grid: _Grid, scaling: float, *, last: bool) -> list[Any]:
    """Remember the keys and values of a piece in one layer, and let every row of a request see what it may."""
    piece, memory = grid.walk.piece, grid.walk.tree.memory
    keys, values, n_lead = memory.keys[number], memory.values[number], len(piece)
    keys[:, piece.start : piece.stop] = k[:n_lead].transpose(0, 1)
    values[:, piece.start : piece.stop] = v[:n_lead].transpose(0, 1)
    seen = []
    if n_lead and not last:
        seen.append(_of_opening(q[:n_lead], keys, values, piece, scaling))
    if grid.shape[0]:
        seen.append(_of_endings(q, k, v, keys, values, grid, scaling, last=last))
    return seen


def _product(x: Any, pair: tuple[Any, Any], some: slice = slice(None)) -> Any:
    """Multiply by some outputs of a weight and add their bias, both in the type of `x`."""
    from torch.nn.functional import linear

    weight, bias = pair
    return linear(x, weight[some].to(x.dtype), None if bias is None else bias[some].to(x.dtype))


def _of_opening(q: Any, keys: Any, values: Any, piece: range, scaling: float) -> Any:
    """Attend from a piece of the opening to what precedes it: (tokens, heads * width)."""
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    mask = None
    if piece.start:
        mask = torch.ones(len(piece), piece.stop, dtype=torch.bool, device=q.device).tril(piece.start)
    seen = scaled_dot_product_attention(
        q.transpose(0, 1)[None],
        keys[None, :, : piece.stop],
        values[None, :, : piece.stop],
        attn_mask=mask,
        is_causal=mask is None,
        scale=scaling,
        enable_gqa=q.shape[1] != keys.shape[0],
    )
    return seen[0].transpose(0, 1).flatten(1)


def _of_endings(q: Any, k: Any, v: Any, keys: Any, values: Any, grid: _Grid, scaling: float, *, last: bool) -> Any:
    """Let every ending see the opening and itself: (tokens, heads * width), or one row an ending.

    The keys of the opening meet the queries of all endings in one product; those of an ending meet its own. Both
    scores go through one softmax, in float32 whatever the type of the model.
    """
    import torch

    (count, longest), (kv_heads, opening, width) = grid.shape, keys.shape
    n_q, group = 1 if last else longest, q.shape[1] // kv_heads
    kind = q.dtype
    if not last:
        q = q[grid.rows]
    # (kv heads, endings, tokens * heads of a group, width): the queries that meet one head of keys side by side.
    q = q.reshape(count, n_q, kv_heads, group, width).permute(2, 0, 1, 3, 4).reshape(kv_heads, count, -1, width)
    q = q.float().mul_(scaling)
    own_k, own_v = (x[grid.rows].view(count, longest, kv_heads, width).permute(2, 0, 1, 3).float() for x in (k, v))
    keys, values = keys.float().transpose(1, 2), values.float()
    unseen = grid.last_unseen[:, None] if last else grid.unseen.repeat_interleave(group, dim=0).expand(count, -1, -1)
    seen = []
    step = max(1, _MOST_SCORES // (kv_heads * n_q * group * (opening + longest)))
    for some in (slice(start, start + step) for start in range(0, count, step)):
        here = q[:, some]
        of_opening = (here.flatten(1, 2) @ keys).view(*here.shape[:3], opening)
        of_own = (here @ own_k[:, some].transpose(2, 3)).masked_fill_(unseen[some], -torch.inf)
        share = torch.cat([of_opening, of_own], dim=-1).softmax(dim=-1)
        found = share[..., opening:] @ own_v[:, some]
        found += (share[..., :opening].flatten(1, 2) @ values).view_as(found)
        seen.append(found)
    out = torch.cat(seen, dim=1) if len(seen) > 1 else seen[0]
    out = out.view(kv_heads, count, n_q, group, width).permute(1, 2, 0, 3, 4).reshape(count * n_q, -1)
    return (out if last else out[grid.back]).to(kind)


def _turn(weights: Weights, hidden: Any, depth: Any) -> tuple[Any, Any]:
    """Return cosine and sine of every position, (tokens, 1, width) each, as the model's own module has them."""
    cos, sin = weights.rotary(hidden[None], depth[None])
    return cos[0, :, None], sin[0, :, None]


def _turned(x: Any, turn: tuple[Any, ...]) -> Any:
    """Turn every pair of a head by the angle of its position; cosine and sine are the same in both halves."""
    half = x.shape[-1] // 2
    sine = turn[1][..., :half]
    out = x * turn[0]
    out[..., :half].addcmul_(x[..., half:], sine, value=-1)
    out[..., half:].addcmul_(x[..., :half], sine)
    return out
