"""Checks that any running CDS Hooks service can be put to, and what the tests of this one prove of the specification."""
