"""Synthetic charts and reports whose truth is known, as a FHIR Bulk Data export; no text of any real patient."""
