"""CDS Hooks requests: from JSON to a frozen request, and which orders the hook is about."""
