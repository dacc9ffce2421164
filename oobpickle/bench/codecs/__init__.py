"""The codecs that are compared, and what they are compared on. No transport: an object to buffers and back, in one process.

A codec is two functions. Libraries are imported when a codec is first used; one that is absent is left out by name.
"""
