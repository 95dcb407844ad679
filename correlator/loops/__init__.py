"""Loops over events' text and over tables of rules: numbers and arrays only. `correlator.compiled` compiles them.

No index is checked in compiled code. The text is JSON that orjson or the sensors' loops wrote; in other text they find
nonsense, but do not leave it.
"""
