"""What tests by property try: queries and scripts, which every door has to take alike.

A door is an object with ``rows(sql, parameters)``; see `by_property.doors`.
"""
