"""report.md: a Jinja template (report.md.j2) fed by one SQL query for each of its tables (the .sql files)."""
