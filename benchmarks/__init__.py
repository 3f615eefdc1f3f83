"""How much the service costs beside the least a server can do: `python -m benchmarks.run`."""
