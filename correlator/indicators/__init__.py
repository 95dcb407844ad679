"""Indicators: files of them, laid out so that an event's observables find them fast however many there are."""

from correlator.indicators.forms import canonical
from correlator.indicators.known import IndicatorHit, IndicatorSet, IndicatorWatch

__all__ = ["IndicatorHit", "IndicatorSet", "IndicatorWatch", "canonical"]
