"""Results that are kept on disk with the session, told apart by the digests of bundle and data."""
