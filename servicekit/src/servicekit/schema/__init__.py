"""Schemas of MySQL and MariaDB that others have made: what is there, what we need it to become, and the way there.

`snapshot` and `rights` read; `columns`, `tables` and `findings` are rules without a database; `adoption` asks and acts.
"""
