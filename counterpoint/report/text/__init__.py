"""report.md: a Jinja template (report.md.jinja) fed by one SQL query for each of its tables (the .sql files)."""
