"""Frozen clinical data that every layer shares: words, facts and assessments. No I/O, standard library only."""
