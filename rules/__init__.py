"""The rules that ship with Vọng Gác: Sigma files in folders, no logic. README.md says how to add one."""

from pathlib import Path

#: The folder that holds them, in the repository and in the wheel.
SHIPPED = Path(__file__).parent
