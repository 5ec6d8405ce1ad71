"""The servers that cases are run against: started here, or there already, or the real service.

What can be done with each, what a case needs of one, and what a request may cost belong here.
"""
