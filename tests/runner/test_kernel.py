"""A kernel's end: no interrupt before it, which its log would tell as an error."""

import asyncio

import pytest

from handid.runner import kernel


def test_a_kernel_that_is_being_ended_is_not_interrupted():
    manager = kernel.Manager()
    with pytest.raises(RuntimeError, match="No kernel is running"):  # jupyter_client's own answer
        asyncio.run(manager.interrupt_kernel())
    manager.shutting_down = True
    asyncio.run(manager.interrupt_kernel())


def test_sockets_take_the_place_of_ports_where_their_path_is_short(tmp_path):
    file = tmp_path / "kernel.json"
    assert kernel.configured(file, sockets=True).KernelManager.transport == "ipc"
    plain = kernel.configured(file, sockets=False)
    assert "transport" not in plain.KernelManager
    assert plain.NotebookClient.kernel_manager_class == "handid.runner.kernel.Manager"
