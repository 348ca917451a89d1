"""The plugins that come with pgqueuer: hooks and specs, no logic."""
