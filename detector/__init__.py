"""The detector: pure functions from requests to verdicts. No I/O, no clock, no environment, no unseeded randomness.

The way of an event goes down the rooms: ``request`` (a record becomes columns; text ends here), ``sketch`` (columns become
mergeable rows), ``scoring`` (rows become features and evidence), ``verdicts`` (evidence becomes levels, campaigns and sentences),
``judging`` (a tick of all that). ``learning`` is what analysts and labels teach; ``simulate`` makes labelled traffic.
"""
