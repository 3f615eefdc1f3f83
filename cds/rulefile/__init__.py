"""Rule files: read with places, check, name every problem with its fix, say a rule in English."""
