"""Old cases with both clocks: files of other registers become incidents with histories of their own."""

from vonggac.old_cases.case import IMPORT_COLUMNS
from vonggac.old_cases.exports import Defaults, unit_names
from vonggac.old_cases.load import Imported, import_cases, import_data

__all__ = ["IMPORT_COLUMNS", "Defaults", "Imported", "import_cases", "import_data", "unit_names"]
