"""Hostile input: streams that attack the decoder, made here, and run where they can do no harm.

attacks.py     one case of our own for each known attack
grammar.py     random streams: nearly right ones, wrong ones
mutation.py    our own encodings, damaged
targets.py     what is attacked: functions of a case
cage.py        the process that runs cases: memory and time are limited, an audit hook refuses what it sees
run.py         the command: ``python -m tests.hostile.run --help``
"""
