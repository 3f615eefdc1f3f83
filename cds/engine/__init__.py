"""Rules and facts in, answers out; knows no FHIR, no HTTP and no clock."""
