"""The account: one tenant, its root user and its projects."""
