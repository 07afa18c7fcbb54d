"""JupyterLab at this root opens on START_HERE.ipynb, and asks no other machine anything.

`make` copies this file to where Jupyter looks for it; elsewhere: jupyter lab --config PATH_OF_THIS.
"""

from pathlib import Path

c = get_config()  # noqa: F821 (Jupyter's)
if Path("START_HERE.ipynb").is_file():
    c.LabApp.default_url = "/lab/tree/START_HERE.ipynb"
    c.LabApp.app_settings_dir = str(Path("notebooks/lab").resolve())
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
# Photographs that are chosen in notebook 15 come as one message; Tornado's own limit is 10 MiB.
c.ServerApp.tornado_settings = {"websocket_max_message_size": 2**30}
