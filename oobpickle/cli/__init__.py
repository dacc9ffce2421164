"""The command line. One module a command; `app.py` puts them together, `main.py` is where a process starts.

Exit status: 0 all is well; 1 something was wrong; 2 wrong arguments; 130 interrupted (Ctrl-C).
"""
