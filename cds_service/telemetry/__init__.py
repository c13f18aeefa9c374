"""What is counted, timed and traced of the service; no data of a patient, and nothing that a caller may word."""
