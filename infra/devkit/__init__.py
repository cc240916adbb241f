"""The command line and the local cloud: everything around the deployed system."""
