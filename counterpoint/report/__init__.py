"""The report of a study: pictures, a sample viewer, a Markdown report and small CSV series, all from the tables.

    read.py      the Parquet tables and marts as the few plain objects of results.py
    pictures/    the PNG files                  text/      report.md
    viewer.py    samples.html                   series.py  CSV for `dvc plots`, drawn by the Vega templates probes.json
    numbers.py   how numbers are written                   and accuracy.json

What it states is in the tables; nothing here decides what is correct or judges a curve.
"""
