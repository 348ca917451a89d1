"""Posts failed jobs to a URL: `pgq run --service webhook`, and `pgq webhook` to try it."""
