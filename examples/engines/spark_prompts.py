"""Spark answers 2,000 prompts in two tasks at a time; one worker is killed, and nothing is lost.

Needs the extra ``spark``, and Java. In local mode Spark repeats a task only if the master's name
says how often: ``local[2,4]``.
"""

from __future__ import annotations

import os
import sys

import killed_worker
from killed_worker import ROWS, chain_on_emulator, show
from pyspark.sql import SparkSession

from langchain_claude_cloud.batch.engines import answer_spark

if __name__ == "__main__":
    # The workers run in the environment of this process.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    with chain_on_emulator() as chain:
        builder = SparkSession.builder.master("local[2,4]").config("spark.ui.enabled", "false")
        spark = builder.config("spark.ui.showConsoleProgress", "false").getOrCreate()
        spark.sparkContext.addPyFile(killed_worker.__file__)
        frame = spark.createDataFrame(ROWS).repartition(8)
        answers = answer_spark(frame, chain, requests_per_minute=100_000)
        show(row.asDict() for row in answers.collect())
        spark.stop()
