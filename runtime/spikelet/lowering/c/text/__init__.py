"""C as text: declarations, names, the kernels of the folder `kernels`, and templates of an exported folder."""
