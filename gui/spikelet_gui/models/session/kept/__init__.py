"""Results that are kept on disk with the session, identified by the digests of bundle and data."""
