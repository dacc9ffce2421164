"""Looking at messages, whoever sent them: what a stream consists of, where its buffers go, what each byte is.

Rule: nothing here loads anything, imports what a message names, or believes what it says of sizes.
"""
