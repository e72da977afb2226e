"""A py:percent notebook, run in a fresh interpreter of this same Python."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jupytext
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from deepvalue_stats.errors import DataError

SECONDS = 600
LONGEST_SOCKET = 90
PACKAGES = Path(__file__).resolve().parents[2]


class _ThisPython(KernelSpecManager):
    """Knows one kernel, the running interpreter, whatever is installed on the machine."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name=kernel_name, language="python")


def read_notebook(path: Path) -> Any:
    """Read a py:percent file, and number its cells: names drawn at random would differ each time.

    Parameters
    ----------
    path : Path

    Returns
    -------
    nbformat.NotebookNode
    """
    try:
        notebook = jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent")
    except (OSError, UnicodeDecodeError):
        raise DataError(
            "this notebook cannot be read", path.name, "name a py:percent file, as text in UTF-8"
        ) from None
    for number, cell in enumerate(notebook.cells, 1):
        cell["id"] = f"cell-{number}"
    return notebook


def execute(notebook: Any, name: str, folder: Path, scratch: Path) -> Any:
    """Run all cells with a folder of findings as the working directory.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Gets its outputs.
    name : str
        What an error calls the notebook.
    folder, scratch : Path
        The copy of the findings, and a place for the kernel's own files.

    Returns
    -------
    nbformat.NotebookNode

    Raises
    ------
    DataError
        If a cell fails: with its number and the kind of the error, and nothing of its text.
    """
    client = NotebookClient(
        notebook,
        km=_manager(scratch),
        extra_arguments=["--log-level=40"],
        timeout=SECONDS,
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )
    try:
        client.execute(env=_environment(scratch), cleanup_kc=True)
    except CellExecutionError as fault:
        raise _failed(name, notebook, str(fault.ename)) from None
    except (CellTimeoutError, DeadKernelError, RuntimeError) as fault:
        raise _failed(name, notebook, type(fault).__name__) from None
    return notebook


def _manager(scratch: Path) -> AsyncKernelManager:
    """A manager that speaks to its kernel through files where it can, and not over a network."""
    manager = AsyncKernelManager(
        kernel_spec_manager=_ThisPython(), connection_file=str(scratch / "kernel.json")
    )
    sockets = str(scratch / "ipc")
    if os.name == "posix" and len(sockets) < LONGEST_SOCKET:
        manager.transport, manager.ip = "ipc", sockets
    return manager


def _environment(scratch: Path) -> Mapping[str, str]:
    """No start-up files and settings of the person who runs it; the package found where it is."""
    paths = [str(PACKAGES), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONHASHSEED": "0",
        "IPYTHONDIR": str(scratch / "ipython"),
        "JUPYTER_PLATFORM_DIRS": "1",
        "MPLBACKEND": "svg",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def _failed(name: str, notebook: Any, kind: str) -> DataError:
    broken = [
        place
        for place, cell in enumerate(notebook.cells, 1)
        if any(output.output_type == "error" for output in cell.get("outputs", ()))
    ]
    cell = f"cell {broken[0]}" if broken else "before its first answer"
    return DataError(
        f"a cell of the notebook failed with {kind}",
        f"{name}, {cell}",
        "run the cell in a copy of the findings folder to see the whole message",
    )
