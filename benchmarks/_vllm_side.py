"""The side of vLLM: a process of the environment .venv-vllm that reads prompts and says how long it took.

It is told in lines of JSON on its standard input and answers in lines of JSON on a pipe of its own, for the engine
writes what it likes to the usual outputs. Each line in: ``{"prompts": [[ids...]...], "answers": [ids...]}``.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main() -> None:
    """Load the engine, then answer line by line."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    from vllm import LLM, SamplingParams

    folder, dtype, pipe = sys.argv[1:4]
    said = os.fdopen(int(pipe), "w")
    engine = LLM(
        model=folder,
        dtype=dtype,
        max_model_len=2048,
        enable_prefix_caching=True,
        block_size=32,  # the smallest that the processor takes: a prefix is kept in whole blocks
        kv_cache_memory_bytes=2**30,
        max_logprobs=-1,
        logprobs_mode="raw_logprobs",
        enforce_eager=True,
        disable_log_stats=True,
    )
    print(json.dumps({"ready": True}), file=said, flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        sampling = SamplingParams(temperature=0, max_tokens=1, logprob_token_ids=task["answers"], detokenize=False)
        prompts = [{"prompt_token_ids": ids} for ids in task["prompts"]]
        engine.reset_prefix_cache()
        start, used = time.perf_counter(), time.process_time()
        outputs = engine.generate(prompts, sampling, use_tqdm=False)
        taken = {"seconds": time.perf_counter() - start, "processor_seconds": time.process_time() - used}
        found = [[out.outputs[0].logprobs[0][i].logprob for i in task["answers"]] for out in outputs]
        print(json.dumps({**taken, "log_probs": found}), file=said, flush=True)


if __name__ == "__main__":
    main()
