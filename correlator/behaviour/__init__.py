"""What counts and thresholds over single rules cannot say: analytics with a memory (docs/behaviour.md)."""
