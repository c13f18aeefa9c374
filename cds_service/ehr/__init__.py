"""An EHR in small: the client side of CDS Hooks and FHIR, for trials of the service with synthetic data.

Knows the service by its HTTP interface only, so that what works here works for an EHR.
"""
