"""Names to codes and back: what a drug, a condition or a measurement in a chart is called in the rules."""
