"""FHIR as EHRs really send it: tolerant reading of fields and Bundles.  FHIR ends here."""
