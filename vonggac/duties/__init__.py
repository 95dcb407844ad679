"""Duties to report: the law as data, what was filed and marked, and the warnings given."""
