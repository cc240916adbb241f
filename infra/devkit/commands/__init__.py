"""What the command line says: a module for each group of commands; the work is done elsewhere."""
