"""The report of a snapshot: `gather` reads tables, `report_model` builds the content, `html` renders the page."""
