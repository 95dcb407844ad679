"""Official forms, filled in from the records: what stands in them (pure), and how they are drawn as DOCX."""
