"""What the inspector shows, as plain objects that know no Qt: they can be tested, and driven, without a screen."""
