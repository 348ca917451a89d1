"""The pages, one module each: what they show, and what can be done there."""
