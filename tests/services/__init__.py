"""Real services for the tests, started as programs and stopped with them."""
