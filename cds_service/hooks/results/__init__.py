"""Evaluation when a result arrives, for which CDS Hooks has no hook: a FHIR server tells, and gets a Task or a Flag."""
