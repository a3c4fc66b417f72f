#!/usr/bin/env python3
"""Writes the Parquet files that the tests read, with pyarrow, and what their rows are as JSON lines.

    pip install pyarrow==26.0.1; python tests/engine/evaluate/parquet/make_golden.py

The rows are ours; the schemas are those of openai/gsm8k and google-research-datasets/mbpp on the Hugging Face
hub. golden/NAME.parquet belongs to golden/ROWS.jsonl, where NAME is ROWS or begins with "ROWS."; small ones
are the corpus of the fuzz target, too.
"""

import json
import random
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

PINNED = "26.0.1"
HERE = Path(__file__).resolve().parent
GOLDEN = HERE / "golden"
CORPUS = HERE.parents[2] / "fuzz" / "corpus" / "parquet"

TEXT_LIST = pa.list_(pa.string())
GSM8K = pa.schema([("question", pa.string()), ("answer", pa.string())])
MBPP = pa.schema([("task_id", pa.int32()), ("text", pa.string()), ("code", pa.string()), ("test_list", TEXT_LIST),
                  ("test_setup_code", pa.string()), ("challenge_test_list", TEXT_LIST)])
SANITIZED = pa.schema([("source_file", pa.string()), ("task_id", pa.int32()), ("prompt", pa.string()),
                       ("code", pa.string()), ("test_imports", TEXT_LIST), ("test_list", TEXT_LIST)])
NULLS = pa.schema([
    ("id", pa.int64()), ("small", pa.int8()), ("text", pa.string()), pa.field("always", pa.string(), nullable=False),
    ("texts", TEXT_LIST), ("numbers", pa.list_(pa.int64())), ("never", pa.string()), ("never_list", TEXT_LIST)])
REQUIRED = pa.schema([
    pa.field("id", pa.int64(), nullable=False), pa.field("text", pa.large_string(), nullable=False),
    pa.field("texts", pa.list_(pa.field("element", pa.string(), nullable=False)), nullable=False)])


def gsm8k_rows() -> list[dict]:
    rows = []
    for i in range(40):
        rows.append({"question": f"Ana has {i} pears and gets {i % 7} more. How many are there? \N{GREEK SMALL LETTER PI}",
                     "answer": f"{i}+{i % 7}=<<{i}+{i % 7}={i + i % 7}>>{i + i % 7}\n#### {i + i % 7}"})
    return rows


def mbpp_rows(first: int, last: int) -> list[dict]:
    rows = []
    for i in range(first, last + 1):
        rows.append({"task_id": i, "text": f"Write a function to add {i}.", "code": f"def add(x):\r\n\treturn x + {i}",
                     "test_list": [f"assert add({k}) == {k + i}" for k in range(3)],
                     "test_setup_code": "", "challenge_test_list": [f"assert add(-1) == {i - 1}"] if i % 5 == 0 else []})
    return rows


def sanitized_rows() -> list[dict]:
    return [{"source_file": "Benchmark", "task_id": row["task_id"], "prompt": row["text"], "code": row["code"],
             "test_imports": ["import math"] if row["task_id"] % 4 == 0 else [], "test_list": row["test_list"]}
            for row in mbpp_rows(2, 20)]


def null_rows() -> list[dict]:
    draw = random.Random(5)
    maybe = lambda value: None if draw.random() < 0.4 else value
    return [{"id": maybe(draw.randrange(-2**63, 2**63)), "small": maybe(draw.randrange(-128, 128)),
             "text": maybe(draw.choice(["", "a", "\u00e9\u4e2d\U0001f600", "\"quoted\"\n"])), "always": str(i),
             "texts": maybe([maybe(draw.choice(["x", "yy"])) for _ in range(draw.randrange(4))]),
             "numbers": maybe([maybe(draw.randrange(1000)) for _ in range(draw.randrange(3))]),
             "never": None, "never_list": None} for i in range(60)]


def required_rows() -> list[dict]:
    return [{"id": i - 5, "text": "t" * (i % 9), "texts": [str(k) for k in range(i % 4)]} for i in range(30)]


def write_rows(name: str, rows: list[dict]) -> None:
    (GOLDEN / f"{name}.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def write(name: str, schema: pa.Schema, rows: list[dict], **options) -> None:
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), GOLDEN / f"{name}.parquet", **options)


def main() -> None:
    assert pa.__version__ == PINNED, f"pyarrow {PINNED} is needed, this is {pa.__version__}"
    shutil.rmtree(GOLDEN, ignore_errors=True)
    GOLDEN.mkdir()
    for name, rows in (("gsm8k", gsm8k_rows()), ("mbpp", mbpp_rows(11, 30)), ("mbpp_prompt", mbpp_rows(1, 10)),
                       ("sanitized", sanitized_rows()), ("nulls", null_rows()), ("required", required_rows()), ("empty", [])):
        write_rows(name, rows)
    write("gsm8k", GSM8K, gsm8k_rows(), compression="snappy")  # as on the hub
    write("mbpp", MBPP, mbpp_rows(11, 30), compression="snappy")
    write("mbpp_prompt", MBPP, mbpp_rows(1, 10), compression="snappy")
    write("sanitized", SANITIZED, sanitized_rows(), compression="snappy")
    write("empty", GSM8K, [])
    for codec in ("none", "snappy", "gzip", "zstd"):
        for version in ("1.0", "2.0"):
            write(f"nulls.{codec}.v{version[0]}", NULLS, null_rows(), compression=codec, data_page_version=version,
                  row_group_size=25)
    write("nulls.plain", NULLS, null_rows(), use_dictionary=False, write_page_checksum=True, data_page_size=64)
    write("nulls.plain.v2", NULLS, null_rows(), use_dictionary=False, write_page_checksum=True, data_page_version="2.0",
          data_page_size=64)
    write("required.v1", REQUIRED, required_rows(), row_group_size=7)
    write("required.v2", REQUIRED, required_rows(), data_page_version="2.0", compression="zstd")
    # A dictionary that is given up on within the chunk: pages of indices, then plain ones.
    write("gsm8k.fallback", GSM8K, gsm8k_rows(), dictionary_pagesize_limit=400, data_page_size=200, write_batch_size=4)
    # What is refused by name.
    pq.write_table(pa.table({"x": [0.5]}), GOLDEN / "refused.double.parquet")
    pq.write_table(pa.table({"x": [[["a"]]]}), GOLDEN / "refused.list_of_lists.parquet")
    pq.write_table(pa.table({"x": [{"a": "b"}]}), GOLDEN / "refused.group.parquet")
    pq.write_table(pa.table({"x": pa.array([1], pa.timestamp("us"))}), GOLDEN / "refused.timestamp.parquet")
    pq.write_table(pa.table({"x": pa.array([1], pa.uint32())}), GOLDEN / "refused.unsigned.parquet")
    pq.write_table(pa.table({"x": ["a"]}), GOLDEN / "refused.codec.parquet", compression="brotli")
    pq.write_table(pa.table({"x": [1, 2]}), GOLDEN / "refused.encoding.parquet", use_dictionary=False,
                   column_encoding={"x": "DELTA_BINARY_PACKED"})

    shutil.rmtree(CORPUS, ignore_errors=True)
    CORPUS.mkdir(parents=True)
    for path in sorted(GOLDEN.glob("*.parquet")):
        if path.name.startswith(("nulls.none", "nulls.plain", "nulls.zstd", "required", "refused", "gsm8k.fallback")):
            shutil.copy(path, CORPUS / path.name)


if __name__ == "__main__":
    main()
