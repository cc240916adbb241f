"""Parameter and architecture search: propose trials, run them, choose the winner, keep it all."""
