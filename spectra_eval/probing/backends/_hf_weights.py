"""The weights of a model of the Llama kind, read out of the loaded model and fused, and what is remembered of prompts.

The products of one input are stacked, and the model's own matrices become views of the stack, so that nothing is
held twice. A model that holds anything else than what the own pass computes is refused.

A processor without instructions for bfloat16 multiplies it several times slower than float32. There the pass widens
each matrix where it is used, which changes no weight, and all that is computed is float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spectra_eval.errors import ProbeError
from spectra_eval.probing.backends._hf_load import has_windows

__all__ = ["FAMILIES", "Layer", "Memory", "Weights", "arithmetic"]

FAMILIES = ("llama", "mistral", "qwen2", "qwen3")
"""The architectures of ``transformers`` that are known to be this pass and nothing else."""
_ROTARY = frozenset({"default", "linear", "llama3", "yarn"})
"""Rotary embeddings in which a position turns the same way whatever the length of the prompt."""
_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")
"""What PyTorch calls the instructions for bfloat16 on x86 and ARM processors."""


def arithmetic(model: Any) -> Any:
    """Return the type in which the own pass computes: that of the weights, or float32 where the processor lacks it."""
    import torch

    weight = model.get_input_embeddings().weight
    if weight.device.type != "cpu" or weight.dtype != torch.bfloat16:
        return weight.dtype
    able: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # an older PyTorch does not say
    return weight.dtype if any(able.get(name) for name in _BFLOAT16) else torch.float32


@dataclass(frozen=True)
class Layer:
    """One layer: the fused products, the products that follow them, and the norms."""

    attention_norm: Any
    qkv: tuple[Any, Any]
    q_norm: Any
    k_norm: Any
    out: tuple[Any, Any]
    mlp_norm: Any
    gate_up: tuple[Any, Any]
    down: tuple[Any, Any]


@dataclass(frozen=True)
class Weights:
    """All that a pass needs of a model, and the type in which it computes."""

    dtype: Any
    embed: Any
    rotary: Any
    layers: tuple[Layer, ...]
    norm: Any
    heads: int
    kv_heads: int
    width: int
    scaling: float
    heads_read: dict[tuple[int, ...], Memory] = field(default_factory=dict)

    @classmethod
    def of(cls, model: Any) -> Weights:
        """Read a model, or refuse it by what is unknown in it."""
        _check(model)
        inner = model.model
        first = inner.layers[0].self_attn
        return cls(
            dtype=arithmetic(model),
            embed=inner.embed_tokens,
            rotary=inner.rotary_emb,
            layers=tuple(_layer_of(layer) for layer in inner.layers),
            norm=_norm_of(inner.norm),
            heads=first.q_proj.out_features // first.head_dim,
            kv_heads=first.k_proj.out_features // first.head_dim,
            width=first.head_dim,
            scaling=first.scaling,
        )


@dataclass(frozen=True)
class Memory:
    """Keys and values of the opening: (layers, kv heads, tokens, width) each."""

    keys: Any
    values: Any

    @classmethod
    def empty(cls, weights: Weights, opening: int) -> Memory:
        """Make room for an opening."""
        shape = (len(weights.layers), weights.kv_heads, opening, weights.width)
        like = weights.embed.weight
        keys, values = (like.new_empty(shape, dtype=weights.dtype) for _ in range(2))
        return cls(keys=keys, values=values)


def _norm_of(module: Any) -> Any:
    """Return the norm of a module as a function of rows; computed in float32, as the module does."""
    weight, eps = module.weight.detach(), float(module.variance_epsilon)

    def norm(x: Any) -> Any:
        wide = x.float()
        return weight * (wide * (wide.square().mean(dim=-1, keepdim=True) + eps).rsqrt()).to(x.dtype)

    return norm


def _layer_of(layer: Any) -> Layer:
    attention, mlp = layer.self_attn, layer.mlp
    return Layer(
        attention_norm=_norm_of(layer.input_layernorm),
        qkv=_fused(attention.q_proj, attention.k_proj, attention.v_proj),
        q_norm=_norm_of(attention.q_norm) if hasattr(attention, "q_norm") else None,
        k_norm=_norm_of(attention.k_norm) if hasattr(attention, "k_norm") else None,
        out=_fused(attention.o_proj),
        mlp_norm=_norm_of(layer.post_attention_layernorm),
        gate_up=_fused(mlp.gate_proj, mlp.up_proj),
        down=_fused(mlp.down_proj),
    )


def _fused(*products: Any) -> tuple[Any, Any]:
    """Stack the weights of some products of one input, and their biases where they have any.

    The products keep their values but become views of the stack.
    """
    import torch

    if len(products) == 1:
        return products[0].weight.detach(), None if products[0].bias is None else products[0].bias.detach()
    sizes = [product.out_features for product in products]
    found: list[Any] = []
    for name in ("weight", "bias"):
        some = [getattr(product, name) for product in products]
        if some[0] is None:
            found.append(None)
            continue
        stack = torch.cat([parameter.detach() for parameter in some])
        for parameter, view in zip(some, torch.split(stack, sizes), strict=True):
            parameter.data = view
        found.append(stack)
    return found[0], found[1]


_KNOWN = {
    "self_attn": {"q_proj", "k_proj", "v_proj", "o_proj", "q_norm", "k_norm"},
    "mlp": {"gate_proj", "up_proj", "down_proj", "act_fn"},
}
_NORMS = ("input_layernorm", "post_attention_layernorm")


def _check(model: Any) -> None:
    """Refuse a model that is not, module by module, what this pass computes."""
    import torch

    config = model.config
    family = str(config.model_type)
    if family not in FAMILIES or not type(model).__module__.startswith(f"transformers.models.{family}."):
        raise ProbeError(f"it knows {', '.join(FAMILIES)}, not {family}")
    if has_windows(config):
        raise ProbeError("some of its layers see a window only")
    kind = (getattr(config, "rope_parameters", None) or {}).get("rope_type", "default")
    if kind not in _ROTARY:
        raise ProbeError(f"rotary embedding {kind!r} depends on the length of a prompt")
    if config.hidden_act != "silu":
        raise ProbeError(f"activation {config.hidden_act!r} is unknown to it")
    for layer in model.model.layers:
        norms = [getattr(layer, name) for name in _NORMS]
        for name, known in {"": {*_KNOWN, *_NORMS}, **_KNOWN}.items():
            parts = dict((getattr(layer, name) if name else layer).named_children())
            if unknown := set(parts) - known:
                raise ProbeError(f"a layer holds {', '.join(sorted(unknown))}, unknown to it")
            norms += [part for key, part in parts.items() if key.endswith("_norm")]
            for key, part in parts.items():
                if key.endswith("_proj") and type(part) is not torch.nn.Linear:
                    raise ProbeError(f"{key} is no plain matrix but {type(part).__name__}")
        if odd := [type(norm).__name__ for norm in norms if not hasattr(norm, "variance_epsilon")]:
            raise ProbeError(f"norm {odd[0]} is unknown to it")
