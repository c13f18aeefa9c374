"""How the tables came to be, step by step; each step leaves the release before it able to work."""
