"""Two stages over HTTP: the request read, both stages asked, one answer out of them."""
