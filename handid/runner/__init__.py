"""The batch front door's rooms: notebooks are planned, run in processes of their own, and shown."""
