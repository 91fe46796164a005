"""What people see and operate of the retraining loop: its pages, API and commands. No rows and no rules.

The rules and rows are in `registry`, `datasets` and `training`, which import nothing from here.
"""
