"""PostgreSQL asks the API: functions in PL/Python, and foreign tables of multicorn2.

Everything here runs in a server's own process and is imported there alone. It only reads:
what PostgreSQL calls twice, in a plan of its own choosing, is no place to act.
"""
