"""Reports of cases, and the review page of a batch."""
