"""What a statistic looks like: a comparison, the monthly note and the yearly report, as files people and programs read.

A comparison is the JSON body of `stats compare`; nothing here counts. Bodies become a Document (document.py) or a
sheet (sheets.py), and those become bytes; the same body, language and instant give the same bytes.
"""
