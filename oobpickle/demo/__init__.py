"""`oobpickle demo`: real things, sent from one process to another, with a ledger of what that took.

Three processes: two *ends*, the producer and the consumer (`end.py`), and the one that the user started (`pair.py`), which gives
the orders and touches no thing itself. What travels (`things.py`, `files.py`) is built by the producer. How it travels is a
*transport* (`transports.py`). What arrived is compared by content (`content.py`), what was copied is measured as memory
(`memory.py`).

Rules.
1. The orders go over pipes and are plain pickles: what is shown does not depend on what is being shown.
2. Every wait has an end, and an end whose pipe closes ends itself: however the user stops it, no process and no file is left.
3. Nothing is claimed that was not measured in this run; what cannot be measured here is left blank.
"""
