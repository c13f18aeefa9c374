"""Where issued cards, feedback, shown states and the record of calls are kept."""
