"""What is done for every packet and for the common messages, in the part of Python that Numba compiles.

These functions see numbers and arrays only. `sensors.compiled` compiles them; what they do not understand they leave to
the decoders and talks beside this folder, which say the same in the same bytes (tests hold them to it).
"""
