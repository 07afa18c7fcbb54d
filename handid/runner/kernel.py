"""How a notebook's kernel is reached, and how it is ended."""

from pathlib import Path

from jupyter_client.manager import AsyncKernelManager
from traitlets.config import Config


class Manager(AsyncKernelManager):
    """Ends a kernel without jupyter_client's interrupt before it.

    The kernel has nothing left to do, and its log of a run that succeeded would end in an error. A
    kernel that is still busy is killed by the runner.
    """

    async def _async_interrupt_kernel(self) -> None:
        if not self.shutting_down:
            await super()._async_interrupt_kernel()

    interrupt_kernel = _async_interrupt_kernel


def configured(connection: Path, *, sockets: bool) -> Config:
    """What papermill is told of the kernel.

    Args:
        connection: file that says how to reach it.
        sockets: files in that folder in the place of ports of this machine.
    """
    config = Config()
    if sockets:
        config.KernelManager.transport = "ipc"
    config.KernelManager.connection_file = str(connection)
    config.NotebookClient.kernel_manager_class = f"{__name__}.Manager"
    return config
