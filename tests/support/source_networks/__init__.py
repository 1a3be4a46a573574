"""Networks to convert: classifiers in the forms of public repositories, networks of ReLUs, and well-known blocks in torch."""
