"""The edge: sources, stores, sinks, HTTP and the command line around :mod:`detector`."""
