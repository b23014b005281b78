"""A record becomes a request, and a batch of requests becomes columns. Prompt text ends here."""
