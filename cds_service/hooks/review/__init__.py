"""The knowledge as a clinician reviews it: everything gathered, the cases that show it, as page and as Markdown."""
