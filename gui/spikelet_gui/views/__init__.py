"""What the inspector looks like: Qt widgets that show the models and hand them what a person does."""
