"""The network side: the only package that opens sockets outward."""
