"""The detector: pure functions from requests to verdicts. No I/O, no clock, no environment, no unseeded randomness."""
