"""Where everything is put together: one module per room, and what several rooms share.

Only `settings` reads the environment. Clients and adapters are made by cached functions, each on
first use and once. Third-party packages are imported inside them: a front function never imports
numpy, and a model server never imports boto3, only because a module of this package is imported.

A function imports the module of its room alone, so that its cold start reads no more than it
needs; `__all__` there is what the functions of the room use, wherever it is made.
"""
