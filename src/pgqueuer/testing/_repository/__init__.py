"""The chapters of `RepositoryConformance`, one for each concern."""
