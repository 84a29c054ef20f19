"""Ray Data answers 2,000 prompts on two actors; one is killed, and nothing is lost.

Needs the extra ``ray``. An actor of its own hands out the requests that all workers may send.
"""

from __future__ import annotations

import ray
from killed_worker import ROWS, chain_on_emulator, show

from langchain_claude_cloud.batch.engines import answer_ray

if __name__ == "__main__":
    with chain_on_emulator() as chain:
        ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False)
        dataset = ray.data.from_items(ROWS)
        answers = answer_ray(dataset, chain, workers=2, requests_per_minute=100_000)
        show(answers.iter_rows())
        ray.shutdown()
