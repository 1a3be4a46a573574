"""Views of the inspector: they show the models with Qt and subscribe to their signals."""
