"""Verdicts to CDS Hooks cards.  CDS Hooks begins again here."""
