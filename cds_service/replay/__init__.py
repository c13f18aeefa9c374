"""Cohort replay: what the service would have shown for past reports, each judged on the chart as it stood then.

Input is a FHIR Bulk Data export (NDJSON). The decision logic is the one of the hooks; only the way in and the way out
are different. ``standing`` says what was known at a moment, ``patient`` evaluates one patient, ``local`` and ``spark``
run it over a cohort, ``summary`` counts.
"""
