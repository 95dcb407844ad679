"""What the trade's words mean here: event, detection, incident, agency, indicator, marking, count.

Standard library only, frozen data, no clock and no I/O: time and ids come from the caller.
"""
