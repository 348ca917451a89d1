"""The queue for agents, over the Model Context Protocol; needs the `mcp` extra."""
