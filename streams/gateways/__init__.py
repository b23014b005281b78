"""Code that runs inside other people's gateways."""
