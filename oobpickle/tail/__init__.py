"""Listening in: what passes on a pub/sub stream, told without decoding any of it. `oobpickle tail` shows it."""
