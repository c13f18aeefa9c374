"""Turns an assessment into CDS Hooks cards in English, German and Romanian."""
