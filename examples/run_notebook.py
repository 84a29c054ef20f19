"""Run first_steps.ipynb from its first cell to its last, as Jupyter does, and print what it shows.

It needs the extra ``examples``. Offline on the emulator; ``--live`` asks the real cloud.
"""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from run_example import is_live

NOTEBOOK = Path(__file__).with_name("first_steps.ipynb")


def main() -> None:
    """Run the notebook; a cell that fails is shown, and ends it."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    here = {"metadata": {"path": str(NOTEBOOK.parent)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=here).execute()
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            print(output.get("text") or output.get("data", {}).get("text/plain", ""), end="\n")


if __name__ == "__main__":
    if is_live():
        os.environ["LIVE"] = "1"  # the notebook reads it
    main()
