"""What tools/coverage is made of.

    program.py   exports an entry and runs it in eager mode, at several sizes; kept in a cache folder
    sizes.py     the other sizes of a program with dynamic dimensions
    double.py    a model in double precision: the reference of every comparison
    half.py      an entry in half precision
    entry.py     the stages of one entry: export, compile, run, agree
    jobs.py      a process and a time limit per entry
    reasons.py   messages without what differs from model to model, grouped by the mechanism that is missing
    report.py    the rows of a run: JSON, tables, Markdown
"""
