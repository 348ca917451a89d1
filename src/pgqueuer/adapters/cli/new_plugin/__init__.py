"""`pgq plugins new`: a distribution to begin with; its files are in `templates`."""
