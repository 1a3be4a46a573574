"""Packages of build systems for exported C. One module per kind defines its files and the location of the C sources."""
