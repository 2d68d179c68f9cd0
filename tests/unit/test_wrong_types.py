"""What is no table, no file name, no mapping and no list of names is refused in one line; one name is a list of one.

The test suite checks annotations at each call, which users do not: the calls are made in an interpreter without that.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, sys
import numpy as np, pandas as pd
from spectra_eval.artifacts import from_pandas, read_json, read_table, write_json, write_table
from spectra_eval.certification import certify
from spectra_eval.errors import InputError
from spectra_eval.evaluation import compare, evaluate
from spectra_eval.probing import probe
from spectra_eval.tables import PreferenceTable

table = PreferenceTable(
    users=["ann", "bob"], categories=("a", "b", "c"), counts=[[3, 1, 0], [0, 2, 1]],
    theta_s=[[0.5, 0.3, 0.2], [0.2, 0.5, 0.3]], history=[("x",), ("y",)],
)
write_table(table, "t.parquet")
frame = pd.DataFrame({"user": ["a", "a"], "category": ["x", "y"], "target": [1, 2]})
names, tables = [3, [3], [["a"]]], [3, None, "t.parquet", frame]
paths, mappings = [None, 3, ["t.parquet"], object()], [3, "user", ["user"], {"user": 3}, {3: "user"}]
few = evaluate(table, metrics="total_variation", bootstrap=0)
cases = {
    "write_table path": (lambda path: write_table(table, path), paths),
    "save table": (table.save, paths),
    "save evaluation": (few.save, paths),
    "read_table": (read_table, paths),
    "read_json": (read_json, paths),
    "write_json": (lambda path: write_json({}, path), paths),
    "mapping of a file": (lambda mapping: read_table("t.parquet", mapping=mapping), mappings),
    "mapping of a frame": (lambda mapping: from_pandas(frame, mapping=mapping), mappings),
    "write_table": (lambda value: write_table(value, "u.parquet"), tables),
    "compare": (lambda value: compare({"one": table, "two": value}), tables),
    "probe": (lambda value: probe(value, None), tables),
    "evaluate": (evaluate, tables),
    "compare tables": (compare, [3, "t.parquet", [table, table]]),
    "session": (lambda session: probe(table, session), [None, 3]),
    "replace": (lambda value: table.replace(theta=value), [3]),
    "metrics": (lambda value: evaluate(table, metrics=value), names),
    "strata": (lambda value: evaluate(table, strata=value), names),
    "metrics of a comparison": (lambda value: compare({"one": table, "two": table}, metrics=value), names),
    "baselines": (lambda value: compare({"one": table}, baselines=value), names),
    "claims": (lambda value: certify(table, k=2, claims=value), names),
}
said = {}
for name, (use, values) in cases.items():
    said[name] = []
    for value in values:
        try:
            use(value)
            said[name].append("accepted")
        except InputError as error:
            said[name].append(str(error))
        except Exception as error:
            said[name].append(f"foreign: {error!r}")
assert few.results == evaluate(table, metrics=["total_variation"], bootstrap=0).results
found = compare({"one": table}, metrics="total_variation", baselines="uniform", bootstrap=0)
claims = certify(table, k=2, claims="fraction.window").claims
said["one name"] = [sorted({row.metric for row in few.results}), list(found.values), [claim.claim for claim in claims]]
print(json.dumps(said))
"""
SAID = {
    "write_table path": "is no file name; give a str or a Path",
    "save table": "is no file name; give a str or a Path",
    "save evaluation": "is no file name; give a str or a Path",
    "read_table": "is no file name; give a str or a Path",
    "read_json": "is no file name; give a str or a Path",
    "write_json": "is no file name; give a str or a Path",
    "mapping of a file": "maps no names to columns; write {'target': 'y'}",
    "mapping of a frame": "maps no names to columns; write {'target': 'y'}",
    "write_table": "is no PreferenceTable; use",
    "compare": "is no PreferenceTable; use",
    "probe": "is no PreferenceTable; use",
    "evaluate": "is no PreferenceTable; use",
    "compare tables": "is no mapping of names to tables",
    "session": "is no session; open one with",
    "replace": "no column 'theta' in a table; choose from users, categories",
    "metrics": "metrics: ",
    "strata": "strata: ",
    "metrics of a comparison": "metrics: ",
    "baselines": "baselines: ",
    "claims": "claims: ",
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    folder = tmp_path_factory.mktemp("types")
    script = folder / "script.py"
    script.write_text(f"import sys\nsys.path.insert(0, {str(Path(__file__).parents[2])!r})\n{SCRIPT}")
    run = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, cwd=folder, timeout=120)
    assert run.returncode == 0, run.stderr
    assert not (folder / "u.parquet").exists()
    found: dict[str, list[str]] = json.loads(run.stdout)
    return found


@pytest.mark.parametrize("name", SAID)
def test_a_value_of_a_wrong_type_is_one_line(said: dict[str, list[str]], name: str) -> None:
    assert said[name] and all(SAID[name] in line and "\n" not in line for line in said[name]), said[name]


def test_one_name_is_a_list_of_one(said: dict[str, list[str]]) -> None:
    assert said["one name"] == [["total_variation"], ["total_variation"], ["fraction.window"]]
