"""One run of a queue manager, a moving part a module: claim, dispatch, settle, lease, wake-up."""
