"""What the queue is about: types, models, errors, settings, and the life of a job."""
