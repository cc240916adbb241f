"""What the Chalice app of the page is made of."""
