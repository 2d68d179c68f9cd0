"""Tiny random models of many architectures, made by the configurations of ``transformers``; nothing is fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

VOCABULARY = 400
TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>\n{{ message.content }}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
_WORDS = (
    "Yes No Y y N n The user chose watched these items movies oldest first most recent last will this user like choose "
    "category categories next item Answer with only yes or no the letter of one list names comma separated history "
    "Will the user interact with an item of Category: Which of these? A. B. C. D. Options: Question: Reply in order"
)

_SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 1024,
    "initializer_range": 0.3,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
_EXPERTS = {"num_experts": 4, "num_local_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
_LATENT = {
    "num_key_value_heads": 4,
    "kv_lora_rank": 16,
    "q_lora_rank": 16,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "v_head_dim": 8,
}
_MAMBA = {"mamba_n_heads": 4, "mamba_d_head": 16, "mamba_d_state": 8, "mamba_expand": 2, "mamba_n_groups": 1}
SWITCH = 72
"""The prompt length at which the models with a long rope change: between those of the tests."""
_LONG_ROPE: dict[str, Any] = {
    "rope_parameters": {
        "rope_type": "longrope",
        "rope_theta": 1e4,
        "short_factor": [1.0, 1.2, 1.5, 2.0],
        "long_factor": [2.0, 4.0, 8.0, 16.0],
        "original_max_position_embeddings": SWITCH,
    },
    "original_max_position_embeddings": SWITCH,
}

ANIMALS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {}),
    "llama, tied": ("llama", {"tie_word_embeddings": True}),
    "llama, yarn": (
        "llama",
        {
            "rope_parameters": {
                "rope_type": "yarn",
                "rope_theta": 1e4,
                "factor": 4.0,
                "original_max_position_embeddings": 64,
            }
        },
    ),
    "llama, dynamic": ("llama", {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}}),
    "llama, long rope": ("llama", _LONG_ROPE),
    "mistral": ("mistral", {"sliding_window": None}),
    "mistral, window": ("mistral", {"sliding_window": 8}),
    "mixtral": ("mixtral", _EXPERTS),
    "qwen2": ("qwen2", {}),
    "qwen2_moe": ("qwen2_moe", {**_EXPERTS, "shared_expert_intermediate_size": 16}),
    "qwen3": ("qwen3", {"head_dim": 8}),
    "qwen3_moe": ("qwen3_moe", {**_EXPERTS, "head_dim": 8}),
    "phi": ("phi", {}),
    "phi3": ("phi3", {}),
    "phi3, long rope": ("phi3", _LONG_ROPE),
    "phimoe, long rope": (
        "phimoe",
        {**_EXPERTS, "rope_parameters": {**_LONG_ROPE["rope_parameters"], "short_mscale": 1.1, "long_mscale": 1.2}},
    ),
    "gemma": ("gemma", {"head_dim": 8}),
    "gemma2": ("gemma2", {"head_dim": 8, "sliding_window": 8, "query_pre_attn_scalar": 8}),
    "gemma3": ("gemma3_text", {"head_dim": 8, "sliding_window": 8, "query_pre_attn_scalar": 8}),
    "cohere": ("cohere", {"logit_scale": 1.0}),
    "cohere2": ("cohere2", {"logit_scale": 1.0, "sliding_window": 8}),
    "olmo": ("olmo", {}),
    "olmo2": ("olmo2", {}),
    "olmo3": ("olmo3", {"sliding_window": 8}),
    "olmoe": ("olmoe", _EXPERTS),
    "olmo_hybrid": (
        "olmo_hybrid",
        {
            "layer_types": ["linear_attention", "full_attention"],
            "linear_num_key_heads": 2,
            "linear_num_value_heads": 2,
            "linear_key_head_dim": 8,
            "linear_value_head_dim": 8,
        },
    ),
    "granite": ("granite", {"logits_scaling": 2.0}),
    "granitemoe": ("granitemoe", {**_EXPERTS, "logits_scaling": 2.0}),
    "granitemoehybrid": (
        "granitemoehybrid",
        {**_EXPERTS, **_MAMBA, "layer_types": ["mamba", "attention"], "shared_intermediate_size": 16},
    ),
    "glm": ("glm", {"head_dim": 8}),
    "glm4": ("glm4", {"head_dim": 8}),
    "helium": ("helium", {"head_dim": 8}),
    "smollm3": ("smollm3", {"no_rope_layers": [1, 0]}),
    "seed_oss": ("seed_oss", {"head_dim": 8}),
    "exaone4": ("exaone4", {"sliding_window": 8, "layer_types": ["sliding_attention", "full_attention"]}),
    "ernie4_5": ("ernie4_5", {}),
    "hunyuan": ("hunyuan_v1_dense", {"head_dim": 8}),
    "arcee": ("arcee", {}),
    "apertus": ("apertus", {}),
    "stablelm": ("stablelm", {}),
    "starcoder2": ("starcoder2", {"sliding_window": 8}),
    "nemotron": ("nemotron", {}),
    "persimmon": ("persimmon", {}),
    "bloom": ("bloom", {}),
    "mpt": ("mpt", {"d_model": 32, "n_heads": 4, "n_layers": 2}),
    "falcon": ("falcon", {"alibi": False}),
    "falcon, alibi": ("falcon", {"alibi": True, "new_decoder_architecture": False}),
    "gpt2": ("gpt2", {}),
    "gpt_bigcode": ("gpt_bigcode", {}),
    "gpt_neo": ("gpt_neo", {"attention_types": [[["global", "local"], 1]], "window_size": 8}),
    "gpt_neox": ("gpt_neox", {}),
    "gptj": ("gptj", {"rotary_dim": 4}),
    "codegen": ("codegen", {"rotary_dim": 4}),
    "gpt_oss": ("gpt_oss", {**_EXPERTS, "head_dim": 8, "sliding_window": 8}),
    "opt": ("opt", {"word_embed_proj_dim": 32, "ffn_dim": 48}),
    "jetmoe": ("jetmoe", {**_EXPERTS, "kv_channels": 8, "num_key_value_heads": 2}),
    "deepseek_v2": ("deepseek_v2", {**_EXPERTS, **_LATENT, "n_routed_experts": 4, "first_k_dense_replace": 1}),
    "deepseek_v3": (
        "deepseek_v3",
        {**_EXPERTS, **_LATENT, "n_routed_experts": 4, "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1},
    ),
    "diffllama": ("diffllama", {}),
    "llama4": (
        "llama4_text",
        {**_EXPERTS, "head_dim": 8, "attention_chunk_size": 16, "intermediate_size_mlp": 48, "no_rope_layers": [1, 0]},
    ),
    "modernbert-decoder": ("modernbert-decoder", {"local_attention": 16}),
    "biogpt": ("biogpt", {}),
    "xglm": ("xglm", {"d_model": 32, "ffn_dim": 48, "attention_heads": 4, "num_layers": 2}),
    "ctrl": ("ctrl", {"n_embd": 32, "n_head": 4, "n_layer": 2, "dff": 48}),
    "minimax": (
        "minimax",
        {**_EXPERTS, "head_dim": 8, "block_size": 16, "layer_types": ["linear_attention", "full_attention"]},
    ),
    "mamba": ("mamba", {"state_size": 8}),
    "mamba2": ("mamba2", {"state_size": 8, "num_heads": 8, "head_dim": 8, "n_groups": 1, "chunk_size": 16}),
    "falcon_mamba": ("falcon_mamba", {"state_size": 8}),
    "jamba": (
        "jamba",
        {**_EXPERTS, "attn_layer_period": 2, "attn_layer_offset": 1, "mamba_dt_rank": 4, "use_mamba_kernels": False},
    ),
    "bamba": ("bamba", {**_MAMBA, "attn_layer_indices": [1]}),
    "falcon_h1": ("falcon_h1", {**_MAMBA, "mamba_d_ssm": 64, "head_dim": 8}),
    "zamba2": (
        "zamba2",
        {
            "layers_block_type": ["mamba", "hybrid"],
            "n_mamba_heads": 4,
            "mamba_ngroups": 1,
            "time_step_min": 1e-9,  # the library clamps at it where it reads many tokens, and not where it reads one
            "mamba_d_state": 8,
            "num_key_value_heads": 4,
        },
    ),
    "nemotron_h": (
        "nemotron_h",
        {
            "layers_block_type": ["mamba", "attention"],
            "mamba_num_heads": 4,
            "mamba_head_dim": 16,
            "ssm_state_size": 8,
            "time_step_min": 1e-9,
            "n_groups": 1,
            "head_dim": 8,
        },
    ),
    "recurrent_gemma": (
        "recurrent_gemma",
        {"attention_window_size": 16, "lru_width": 32, "block_types": ["recurrent", "attention"]},
    ),
    "lfm2": ("lfm2", {"layer_types": ["conv", "full_attention"], "block_auto_adjust_ff_dim": False}),
    "qwen3_next": (
        "qwen3_next",
        {
            **_EXPERTS,
            "head_dim": 8,
            "shared_expert_intermediate_size": 16,
            "layer_types": ["linear_attention", "full_attention"],
            "linear_num_key_heads": 2,
            "linear_num_value_heads": 4,
            "linear_key_head_dim": 8,
            "linear_value_head_dim": 8,
        },
    ),
    "rwkv": ("rwkv", {"attention_hidden_size": 32, "context_length": 1024}),
    "xlstm": ("xlstm", {"num_heads": 4, "embedding_dim": 32, "num_blocks": 2}),
}


def made(name: str, *, seed: int = 7, attention: str | None = None, **changes: Any) -> Any:
    """Make a model, in float32, with weights large enough that it says something else everywhere."""
    import torch
    import transformers

    kind, own = ANIMALS[name]
    config = transformers.AutoConfig.for_model(kind, **{**_SIZES, **own, **changes})
    torch.manual_seed(seed)
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation=attention)
    with torch.no_grad():
        for label, weight in model.named_parameters():
            if label.endswith("bias") or "norm" in label:  # fresh biases are zero and fresh norms one
                weight.add_(torch.randn_like(weight) * 0.1)
    return model.eval()


def keep_tokenizer(folder: Path, *, template: str | None = TEMPLATE) -> None:
    """Write a tokenizer of bytes and some of the words that prompts hold."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<pad>", "<s>", "</s>", "<|user|>", "<|assistant|>", "<|system|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([_WORDS, *["Yes", "No", "yes", "no", " Yes", " No", "\n\n"] * 50], trainer)
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in special])
    kept = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        clean_up_tokenization_spaces=False,
    )
    kept.chat_template = template
    kept.save_pretrained(folder)
