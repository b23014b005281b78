"""Traffic of the project's own making, and the live pipeline on it: for whoever wants to see it work."""
