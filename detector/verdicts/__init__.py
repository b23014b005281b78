"""From evidence to what is said: levels, campaigns, rate limits, and the sentences an analyst reads."""
