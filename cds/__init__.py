"""Decision support for ketamine therapy: a CDS Hooks service driven by rule files."""

__version__ = "0.1.0"
