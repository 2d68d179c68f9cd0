"""Files: preference tables are read in many formats and written as Parquet; documents are strict JSON.

A file is written completely or not at all, with the same bytes for the same content. A file that is
read is checked once, here and in the constructor of the table, and every error is one line with the
file, the place and the fix. pyarrow is imported when the first table is read or written.
"""

from spectra_eval.artifacts._digest import TableDigest
from spectra_eval.artifacts._files import as_file, typed_names
from spectra_eval.artifacts._frames import from_frame, from_pandas, rows_frame, to_pandas
from spectra_eval.artifacts._json import json_digest, parse_json, read_json, write_json
from spectra_eval.artifacts._own import file_name, has_own_folder, open_own, own_file, own_folder
from spectra_eval.artifacts._parquet import write_blocks, write_table
from spectra_eval.artifacts._read import TableBlocks, iter_table, read_table
from spectra_eval.artifacts._schema import COUNT, SHA256, check_document
from spectra_eval.artifacts._training import TRAINING, TRAINING_VERSION, check_trained, file_digest, read_training
from spectra_eval.artifacts._unique import HashRuns
from spectra_eval.artifacts._writing import STDOUT, remove_leftovers, write_text, written_path, written_whole

__all__ = [
    "COUNT",
    "SHA256",
    "STDOUT",
    "TRAINING",
    "TRAINING_VERSION",
    "HashRuns",
    "TableBlocks",
    "TableDigest",
    "as_file",
    "check_document",
    "check_trained",
    "file_digest",
    "file_name",
    "from_frame",
    "from_pandas",
    "has_own_folder",
    "iter_table",
    "json_digest",
    "open_own",
    "own_file",
    "own_folder",
    "parse_json",
    "read_json",
    "read_table",
    "read_training",
    "remove_leftovers",
    "rows_frame",
    "to_pandas",
    "typed_names",
    "write_blocks",
    "write_json",
    "write_table",
    "write_text",
    "written_path",
    "written_whole",
]
