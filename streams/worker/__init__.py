"""The live worker: poll, decode, fold, commit; and, in one worker of the group, judge."""
