"""The HTTP edge: routes, limits and status codes.  CDS Hooks 2.0.1."""
