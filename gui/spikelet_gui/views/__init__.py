"""Qt widgets that show the models and pass user input to them."""
