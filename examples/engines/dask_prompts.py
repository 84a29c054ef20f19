"""Dask answers 2,000 prompts on two workers; one is killed, and nothing is lost.

Needs the extra ``dask``.
"""

from __future__ import annotations

import dask.dataframe as dd
import pandas as pd
from distributed import Client, LocalCluster
from killed_worker import ROWS, chain_on_emulator, show

from langchain_claude_cloud.batch.engines import answer_dask

if __name__ == "__main__":
    with (
        chain_on_emulator() as chain,
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
    ):
        frame = dd.from_pandas(pd.DataFrame(ROWS), npartitions=8)
        answers = answer_dask(frame, chain, workers=2, requests_per_minute=100_000)
        show(answers.compute().to_dict("records"))
